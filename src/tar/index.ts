export { TAR_FORMATS, type TarFormat, type TarOptions } from './format.js';
export { measureArchive, trailerSize } from './measure.js';
export { encodeMember, type MemberPlan, measureMember, memberName, planMember } from './member.js';
export { TarError } from './tar-error.js';
