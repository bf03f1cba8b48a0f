export { createTarDecoder, type TarDecoder, type TarDecoderOptions } from './decode.js';
export type { HeaderFormat } from './decode-header.js';
export type { PaxRecord, PaxRecords } from './decode-pax.js';
export { expandSparse } from './expand-sparse.js';
export { type GnuTarFormat, TAR_FORMATS, type TarFormat, type TarOptions } from './format.js';
export {
  type ChecksumForm,
  type HeaderForm,
  inspectHeader,
  type NumberField,
  type NumberSpelling,
  type Residue,
} from './header-form.js';
export { measureArchive, trailerSize } from './measure.js';
export { encodeMember, measureMember, memberName, planMember } from './member.js';
export type { MemberPlan } from './member-plan.js';
export { createPlainEncoder, type PlainEncoder } from './plain-encoder.js';
export { type ReadMember, type ReadMembersOptions, readTarMembers } from './read-members.js';
export type { SparseForm, SparseMap, SparseRegion } from './sparse-map.js';
export { TarError } from './tar-error.js';
export type {
  DecodedArchive,
  TarBlock,
  TarBlockKind,
  TarHandler,
  TarMember,
  TarMemberType,
  TarMetadata,
  TarPadding,
} from './tar-member.js';
