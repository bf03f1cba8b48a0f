import { readFileSync } from 'node:fs';

const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

/** Of this package. The bundle has it as text. */
export const version: string = (JSON.parse(packageJson) as { version: string }).version;
