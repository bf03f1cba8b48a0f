export type { ArchiveEntry, EntryAttributes, EntryBody, FileSource } from './archive-entry.js';
export { POSIX_CLASSES } from './byte-set.js';
export { EntryError } from './entry-error.js';
export type { FileIdentity } from './file-identity.js';
export { compileExclude, compileGlob, type NameMatcher } from './glob.js';
export { applyModeChanges, type ModeChanges, parseModeChanges } from './mode-changes.js';
export { archiveOrderKey, sortInArchiveOrder } from './order.js';
export { missingParents, parentsOf } from './parents.js';
export { type Owner, parseId, parseOctalMode, parseOwner, parseOwnerPair } from './parse-attributes.js';
