package nofollow

const nonBlock = 0
