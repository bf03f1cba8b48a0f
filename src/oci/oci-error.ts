import { TarsealError } from '../errors/index.js';

/**
 * Errors of the oci room: `OCI_REFERENCE_INVALID`, `OCI_PLATFORM_INVALID`, `OCI_SYSTEM_UNSUPPORTED`, `OCI_TIME_INVALID`,
 * `OCI_TIME_RANGE`, `OCI_VALUE_INVALID`, `OCI_CONFIG_INVALID`, `OCI_JSON_INVALID`; of documents that others wrote
 * `OCI_DOCUMENT_INVALID`, `OCI_UNSUPPORTED`.
 */
export class OciError extends TarsealError {}
