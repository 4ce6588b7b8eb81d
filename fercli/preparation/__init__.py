"""What `prepare` does: it turns FER2013 as it is found, in archives and folders, into one data set."""
