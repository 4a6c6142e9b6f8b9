package trust

const nonBlocking = 0
