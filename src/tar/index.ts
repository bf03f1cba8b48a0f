export {
  createTarDecoder,
  type DecodedArchive,
  type TarDecoder,
  type TarDecoderOptions,
  type TarHandler,
  type TarMember,
  type TarMemberType,
} from './decode.js';
export { type GnuTarFormat, TAR_FORMATS, type TarFormat, type TarOptions } from './format.js';
export { measureArchive, trailerSize } from './measure.js';
export { encodeMember, measureMember, memberName, planMember } from './member.js';
export type { MemberPlan } from './member-plan.js';
export { TarError } from './tar-error.js';
