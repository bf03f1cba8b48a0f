/** A file by its place in the file system, for those that must never be members: the output and its temporary file. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}
