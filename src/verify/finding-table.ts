/**
 * `error`: some consumer refuses the image or takes it for another one. `warning`: its bytes depend on when, where or by
 * whom it was made, or programs differ in how they read it. `note`: worth knowing, and no fault.
 */
export type Severity = 'error' | 'warning' | 'note';

const TABLE = {
  IMAGE_NONE: ['error', 'it holds no image: neither index.json nor manifest.json, and it is no tar'],
  IMAGE_UNREADABLE: ['error', 'a file of the image cannot be read'],
  IMAGE_UNSUPPORTED: ['error', 'it is compressed in a way that is not read'],
  IMAGE_GZIP: ['error', 'the gzip around the archive is damaged'],

  TAR_INVALID: ['error', 'the archive is damaged, cut short or no tar'],
  TAR_UNTERMINATED: ['warning', 'two zero blocks must end an archive, and do not'],
  TAR_TRAILING: ['warning', 'bytes that are not zero follow the end of the archive'],
  TAR_RECORD: ['note', 'the size is no multiple of 10,240 bytes, to which most programs pad'],
  TAR_PADDING: ['warning', 'padding that is not zero'],
  TAR_RESIDUE: ['warning', 'header bytes that no reader uses are not zero'],
  TAR_CHECKSUM_FORM: ['warning', 'a header checksum is not six octal digits, a NUL and a space'],
  TAR_CHECKSUM_SIGNED: ['warning', 'a header checksum sums signed bytes, as early programs did'],
  TAR_NUMBER_FORM: ['note', 'a number in a header is not written as octal digits and one NUL'],
  TAR_MAGIC: ['warning', 'magic and version of a header are of no format'],
  TAR_TYPE: ['error', 'a type of member that no standard names, which most programs refuse'],
  TAR_SPARSE: ['note', 'a sparse file, which not every program unpacks'],
  TAR_SIZE: ['warning', 'a link, directory or device states a size: readers differ in what follows it'],
  PAX_TIME: ['warning', 'a pax header has a time of reading or of changing (atime, ctime)'],
  PAX_FRACTION: ['warning', 'a pax header has a time with a fraction of a second, as file systems give'],
  PAX_PROCESS: ['warning', 'the name of a pax header has the number of the process that wrote it'],
  PAX_REPEATED: ['warning', 'a pax header has a key twice'],
  PAX_GLOBAL: ['note', 'a global pax header describes all members that follow'],

  ARCHIVE_TIME: [
    'warning',
    'members of the outer archive have times of a clock: neither 0 nor 1 nor those of the images',
  ],
  ARCHIVE_OWNER: ['warning', 'members of the outer archive have an owner that is a user of a system'],
  ARCHIVE_REPEATED: ['warning', 'a file stands in the outer archive more often than anything refers to it'],
  ARCHIVE_DOCUMENT_REPEATED: ['error', 'a document of the image stands in the outer archive twice'],
  ARCHIVE_NAME: ['error', 'a member of the outer archive has a name that leads out of it'],
  ARCHIVE_TYPE: ['warning', 'a member of the outer archive is neither a file nor a directory'],
  ARCHIVE_UNREFERENCED: ['note', 'nothing refers to a file of the image'],

  GZIP_TIME: ['warning', 'a gzip header has a time'],
  GZIP_NO_TIME: ['note', 'a gzip header has the time that Go writes for none'],
  GZIP_NAME: ['warning', 'a gzip header has a file name, a comment or an extra field'],
  GZIP_FLAGS: ['warning', 'flags of a gzip header are unusual'],
  GZIP_SYSTEM: ['note', 'a gzip header names the operating system that wrote it'],

  LAYOUT_INVALID: ['error', 'the file oci-layout is missing or not of version 1.0.0'],
  DOCUMENT_INVALID: ['error', 'a JSON document is not what its specification says'],
  DOCUMENT_KEY: ['warning', 'a JSON document has a key that its specification does not name'],
  DOCUMENT_TYPE: ['note', 'a JSON document does not say its media type'],
  DOCUMENT_VALUE: ['warning', 'a value is missing or other than its specification advises'],
  BLOB_MISSING: ['error', 'a file that the image refers to is not there'],
  BLOB_DIGEST: ['error', 'content is not what its digest or its name says'],
  BLOB_SIZE: ['error', 'the size of a blob is not what its descriptor says'],
  MEDIA_TYPE: ['error', 'a media type is not of what it describes'],
  MEDIA_TYPE_UNKNOWN: ['warning', 'a media type that is not known: it was not read'],
  INDEX_EMPTY: ['error', 'an index lists nothing'],
  INDEX_PLATFORM: ['warning', 'the platform in an index is not that of the config'],
  INDEX_NAMES: ['warning', 'names of the image differ between the places where they stand'],
  INDEX_AMBIGUOUS: ['error', 'one name stands for several images'],
  REFERENCE_INVALID: ['error', 'the name of an image breaks the grammar of references'],
  MANIFESTS_DIFFER: ['error', 'manifest.json and the OCI manifest name other configs or layers'],

  CONFIG_INVALID: ['error', 'the config of the image is not what the specification says'],
  CONFIG_VALUE: ['warning', 'a value of the config that runtimes refuse or read differently'],
  CONFIG_KEY: ['note', 'the config has a key that the specification does not name'],
  CONFIG_PLATFORM: ['warning', 'the config names a platform that is not known'],
  CONFIG_LAYERS: ['error', 'the config has another number of diff_ids than there are layers'],
  CONFIG_HISTORY: ['error', 'the history has another number of layers than there are'],
  CONFIG_NO_HISTORY: ['note', 'the config has no history'],
  CONFIG_CREATED: ['warning', 'the time of the image has fractions of a second, as clocks give'],
  CONFIG_HOST: ['warning', 'the config names the machine or the container that made it'],

  LAYERS_TOO_MANY: ['error', 'more layers than Docker loads'],
  LAYERS_NONE: ['note', 'the image has no layers'],
  LAYER_DIFF_ID: ['error', 'the digest of an uncompressed layer is not its diffID'],
  LAYER_GZIP: ['error', 'the gzip of a layer is damaged'],
  LAYER_COMPRESSION: ['error', 'a layer is compressed otherwise than its media type says'],
  LAYER_UNREAD: ['warning', 'a layer is compressed in a way that is not read: its content was not verified'],
  LAYER_EMPTY: ['note', 'a layer has no members'],

  MEMBER_NAME: ['error', 'a name that cannot be unpacked below the root'],
  MEMBER_ABSOLUTE: ['note', 'a name that begins with a slash'],
  MEMBER_SPELLING: ['note', 'a name with dots or slashes that say nothing'],
  MEMBER_REPEATED: ['error', 'a path that stands in a layer twice, which Docker and Podman refuse'],
  MEMBER_ORDER: ['warning', 'members in the order of a directory on disk, and not of their names'],
  MEMBER_TIMES: ['warning', 'members have several times, as files on disk have'],
  MEMBER_OWNER: ['warning', 'several times or owners, and the name of a user: owners as files on disk have'],
  MEMBER_USER: ['note', 'members are owned by a user with a name'],
  MEMBER_PARENT: ['note', 'the parent directory of a member has no entry before it'],
  MEMBER_BELOW_FILE: ['error', 'a member below what the same layer says is no directory'],
  MEMBER_BELOW_LINK: ['warning', 'a member below what the same layer says is a symlink'],
  WHITEOUT_INVALID: ['error', 'a whiteout that hides no name'],
  WHITEOUT_TYPE: ['warning', 'a whiteout that is no empty regular file'],
  WHITEOUT_NOTHING: ['note', 'a whiteout in a layer below which there is none'],
  WHITEOUT_AUFS: ['note', 'a name in which AUFS kept what is its own'],
  LINK_MISSING: ['error', 'a hard link to what its layer does not hold before it'],
  LINK_OUT: ['error', 'a hard link that leads out of the root'],
  SYMLINK_OUT: ['warning', 'a symlink that leads above the root'],
  MODE_SETUID: ['note', 'a setuid or setgid file'],
  MODE_CAPABILITY: ['note', 'a file with capabilities'],
  MEMBER_DEVICE: ['note', 'a device or a fifo'],

  TARGET_REFUSES: ['error', 'a loader that was asked for refuses the image'],
  TARGET_DIFFERS: ['note', 'a loader that was asked for reads the image in one of two ways'],
} as const;

export type FindingCode = keyof typeof TABLE;

/** Every finding there is, by its stable code, with its severity and what it means. */
export const FINDINGS: Readonly<Record<FindingCode, readonly [severity: Severity, meaning: string]>> = TABLE;
