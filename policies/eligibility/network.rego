package eligibility

# METADATA
# title: The network can be reached
# description: Only where the action says it needs the network.
# custom: {clears_by: event, remedy: "Connect to a network."}
met contains "network_online" if input.action.requires_network == false

met contains "network_online" if input.facts.network.online == true

# METADATA
# title: Traffic costs nothing
# description: The connection is not paid for by volume, or the user approved using it.
# custom: {clears_by: event, remedy: "Connect to another network, or approve the use of this one: lull approve --metered UPDATER"}
met contains "unmetered" if input.action.requires_network == false

met contains "unmetered" if input.facts.network.unmetered == true

met contains "unmetered" if input.control.approved_metered == true
