export type { ArchiveEntry, EntryAttributes, EntryBody, FileSource } from './archive-entry.js';
