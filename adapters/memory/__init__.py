"""Every port has a twin that lives in memory."""
