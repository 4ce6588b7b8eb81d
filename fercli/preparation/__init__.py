"""What `prepare` does: FER2013 as it is found, in archives and folders, to one data set."""
