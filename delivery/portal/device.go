package portal

import "strings"

// device says in few words which browser and system a user agent claims to be, or
// "" when it is none we know. It is for people to recognise their own devices by;
// the log keeps what was sent (R6).
func device(userAgent string) string {
	browser := firstIn(userAgent, "Edg/", "Edge", "OPR/", "Opera", "SamsungBrowser/", "Samsung Internet", "Firefox/", "Firefox",
		"FxiOS/", "Firefox", "CriOS/", "Chrome", "Chrome/", "Chrome", "Version/", "Safari")
	system := firstIn(userAgent, "Windows", "Windows", "iPhone", "iOS", "iPad", "iPadOS", "Android", "Android", "CrOS", "ChromeOS",
		"Mac OS X", "macOS", "Linux", "Linux")
	return strings.TrimPrefix(strings.TrimSuffix(browser+", "+system, ", "), ", ")
}

// firstIn is the name behind the first mark that s holds; pairs are marks and names.
func firstIn(s string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.Contains(s, pairs[i]) {
			return pairs[i+1]
		}
	}
	return ""
}

// Device is [device] for pages.
func (frame) Device(userAgent string) string { return device(userAgent) }
