package main

// generatedFiles are all of them.
var generatedFiles = []generated{}
