import { displayText } from '../bytes/index.js';
import { MAX_IMAGE_LAYERS } from '../image/index.js';
import {
  CONTAINER_CONFIG_KEYS,
  formatPlatform,
  OciError,
  parseContainerConfig,
  parsePlatform,
  parseTime,
} from '../oci/index.js';
import type { FindingPlace, Report } from './finding.js';
import type { StoredImage } from './open/index.js';

/** `2026-11-21T09:30:00.123456789Z`. */
const WITH_FRACTION = /^(.*:\d{2})\.\d+(.*)$/;

/** Checks the config of an image against the specification and against the number of its layers. */
export function checkConfig({ config, content, layers }: StoredImage, report: Report, place: FindingPlace): void {
  if (layers.length === 0) report('LAYERS_NONE', 'it has no layers', place);
  if (layers.length > MAX_IMAGE_LAYERS) {
    report('LAYERS_TOO_MANY', `it must have at most ${MAX_IMAGE_LAYERS} layers, and has ${layers.length}`, place);
  }
  if (config === undefined || content === undefined) return;
  const json = config.json as Readonly<Record<string, unknown>>;
  const { diffIds, history, platform } = content;
  if (diffIds.length !== layers.length) {
    report(
      'CONFIG_LAYERS',
      `the config must have ${layers.length} diff_ids, one for each layer, and has ${diffIds.length}`,
      place,
    );
  }
  const described = history.filter((entry) => entry.empty_layer !== true).length;
  if (history.length === 0 && layers.length > 0) report('CONFIG_NO_HISTORY', 'the config has no history', place);
  else if (described !== layers.length) {
    report(
      'CONFIG_HISTORY',
      `the history must have ${layers.length} entries that are no empty layers, and has ${described}`,
      place,
    );
  }
  attempt('CONFIG_PLATFORM', report, place, () => parsePlatform(formatPlatform(platform)));
  checkValues(json['config'], report, place);
  checkTimes([json['created'], ...history.map(({ created }) => created)], report, place);
  for (const key of ['config', 'container_config'] as const) {
    const host = objectOf(json[key])['Hostname'];
    if (typeof host === 'string' && host !== '') {
      report(
        'CONFIG_HOST',
        `${key}.Hostname is "${displayText(host.slice(0, 100))}", the name of a machine or a container`,
        place,
      );
    }
  }
  if (typeof json['container'] === 'string' && json['container'] !== '') {
    report('CONFIG_HOST', 'it names the container from which the image was made', place);
  }
}

function checkValues(json: unknown, report: Report, place: FindingPlace): void {
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(objectOf(json))) {
    if (CONTAINER_CONFIG_KEYS.includes(key)) {
      attempt('CONFIG_VALUE', report, place, () => parseContainerConfig({ [key]: value }, 'config'));
    } else unknown.push(key);
  }
  if (unknown.length > 0) {
    const listed = unknown.slice(0, 5).map((key) => `"${displayText(key.slice(0, 100))}"`);
    report(
      'CONFIG_KEY',
      `config has ${unknown.length} keys that the specification does not name: ${listed.join(', ')}`,
      place,
    );
  }
}

function checkTimes(times: readonly unknown[], report: Report, place: FindingPlace): void {
  let fractions = 0;
  for (const time of times) {
    if (typeof time !== 'string' || time === '') continue;
    const whole = WITH_FRACTION.exec(time);
    if (whole !== null) fractions++;
    attempt('CONFIG_VALUE', report, place, () => parseTime(whole === null ? time : `${whole[1]}${whole[2]}`));
  }
  if (fractions > 0) {
    report('CONFIG_CREATED', `${fractions} times of the config have fractions of a second`, place);
  }
}

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as Readonly<Record<string, unknown>>)
    : {};
}

function attempt(
  code: 'CONFIG_VALUE' | 'CONFIG_PLATFORM',
  report: Report,
  place: FindingPlace,
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    report(code, error.message, place);
  }
}
