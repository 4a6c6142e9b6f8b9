package eligibility

# METADATA
# title: The network is there
# description: Asked only of an action that says it needs the network.
# custom: {clears_by: event, remedy: "Connect the machine to a network."}
met contains "network_online" if input.facts.network.online == true

met contains "network_online" if input.action.requires_network == false

# METADATA
# title: The network is not paid for by volume
# description: Asked only of an action that says it needs the network. The user may agree to a metered one.
# custom: {clears_by: event, remedy: "Connect to an unmetered network, or lull approve UPDATER --metered."}
met contains "unmetered" if input.facts.network.unmetered == true

met contains "unmetered" if input.action.requires_network == false

met contains "unmetered" if input.control.approved_metered == true
