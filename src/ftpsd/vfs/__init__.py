"""What a session sees as files.

base      the interface of a store: `FileSystem`, `OpenFile`, `ListingOptions`
jail      the local store below one directory
resolve   paths to descriptors that never leave a root: by openat2, or by a walk that passes the same tests
opened    files being written: commit, keep, discard
listing   LIST, NLST, MLSD, MLST
rights    whose rights the session's thread has; what the server must prepare stands there
names     file names between `str` and bytes
"""
