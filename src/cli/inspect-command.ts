import {
  createMemberLister,
  displayText,
  type InspectedImage,
  type InspectedLayer,
  type Inspection,
  inspectImage,
  type Waste,
  type WastedFile,
} from '../index.js';
import type { Command, CommandCall } from './command.js';
import { EXIT_FAILURE } from './exit-codes.js';
import { givenImage, readOptions } from './given-image.js';
import { print } from './print.js';
import { describeFinding } from './verify-command.js';

interface InspectOptions {
  readonly files?: boolean;
  readonly waste?: boolean;
  readonly json?: boolean;
  readonly debug?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal inspect hello.tar
  $ tarseal inspect --files hello.tar | grep etc/passwd

IMAGE is a docker-archive, an OCI archive or a layer (gzip or not), an OCI layout, or - for standard input.`;

/** So much text is gathered before it is written. */
const TEXT_SIZE = 1 << 16;

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'show what an image holds',
  description: 'Shows the config and the layers of an image as they describe themselves; nothing is verified.',
  operands: [['<image>', 'IMAGE[:REFERENCE]']],
  options: {
    'Options:': [
      ['--files', "list members as GNU tar's -tv does in the C locale and UTC"],
      ['--waste', 'read all contents too: the largest files, what layers store twice, what later ones hide'],
      ['--json', 'print one JSON object'],
      ['--debug', 'print stack traces'],
    ],
  },
  example: EXAMPLE,
  run: inspect,
};

async function inspect({ operands, options, signals }: CommandCall): Promise<void> {
  const [image] = operands as [string];
  const { files, waste, json } = options as InspectOptions;
  const listing = files ? createListing(json ?? false) : undefined;
  const inspection = await inspectImage(givenImage(image), {
    ...readOptions(signals),
    ...listing?.handlers,
    ...(waste && { waste }),
  });
  if (json) print(1, `${JSON.stringify(listing?.withFiles(inspection) ?? inspection)}\n`);
  else if (listing !== undefined) listing.flush();
  else print(1, describe(image, inspection));
  if (inspection.findings.length === 0) return;
  if (!json) print(2, inspection.findings.map((finding) => `tarseal: ${describeFinding(finding)}\n`).join(''));
  process.exitCode = EXIT_FAILURE;
}

/** Lists members as they come; with `json` they are gathered, layer by layer. */
function createListing(json: boolean) {
  const byLayer: object[][] = [];
  let lister = createMemberLister();
  let text = '';
  const flush = (): void => {
    print(1, text);
    text = '';
  };
  return {
    handlers: {
      onLayer({ digest }: { readonly digest: string | null }): void {
        byLayer.push([]);
        lister = createMemberLister();
        if (!json && digest !== null) text += `layer ${digest}\n`;
      },
      onMember(member: Parameters<typeof lister>[0]): void {
        if (json) byLayer.at(-1)!.push(describeMember(member));
        else {
          text += `${lister(member)}\n`;
          if (text.length >= TEXT_SIZE) flush();
        }
      },
    },
    flush,
    withFiles(inspection: Inspection): object {
      let layers = 0;
      return {
        ...inspection,
        images: inspection.images.map((image) => ({
          ...image,
          layers: image.layers.map((layer) => ({ ...layer, files: byLayer[layers++] ?? [] })),
        })),
      };
    },
  };
}

function describeMember(member: Parameters<ReturnType<typeof createMemberLister>>[0]): object {
  const { name, type, mode, uid, gid, uname, gname, realSizeBytes, mtimeSeconds, linkname, devMajor, devMinor } =
    member;
  const bytes = (text: string): string => displayText(Buffer.from(text, 'latin1').toString('utf8'));
  return {
    name: bytes(name),
    type,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    uname: bytes(uname),
    gname: bytes(gname),
    sizeBytes: realSizeBytes,
    mtimeSeconds,
    ...(linkname !== '' && { linkname: bytes(linkname) }),
    ...(type.endsWith('-device') && { devMajor, devMinor }),
  };
}

function describe(name: string, { formats, sizeBytes, images }: Inspection): string {
  const what = formats.length === 0 ? 'no image' : formats.join(' and ');
  return [
    `${displayText(name)} ${what}${sizeBytes === null ? '' : ` ${sizeBytes}`}`,
    ...images.flatMap(describeImage),
    '',
  ].join('\n');
}

function describeImage({ names, manifest, image, platform, created, config, layers, waste }: InspectedImage): string[] {
  const { os, architecture, variant } = platform ?? {};
  return [
    ...(image === null ? [] : [`image ${image}`]),
    ...(manifest === null ? [] : [`manifest ${manifest}`]),
    ...names.map((name) => `name ${displayText(name)}`),
    ...(platform === null ? [] : [`platform ${displayText([os, architecture, variant].filter(Boolean).join('/'))}`]),
    ...(created === null ? [] : [`created ${displayText(created)}`]),
    ...Object.entries(config).map(([key, value]) => `config ${key} ${displayText(JSON.stringify(value))}`),
    ...layers.map(describeLayer),
    ...(waste === undefined ? [] : describeWaste(waste)),
  ];
}

function describeWaste({ largest, repeated, hidden }: Waste): string[] {
  const line =
    (what: string) =>
    ({ name, sizeBytes, layers }: WastedFile): string =>
      `${what} ${sizeBytes} ${name} in layer ${layers.join(', ')}`;
  return [
    ...largest.map(line('largest')),
    `repeated ${repeated.sizeBytes} bytes that several layers store`,
    ...repeated.files.map(line('repeated')),
    `hidden ${hidden.sizeBytes} bytes that a later layer replaces or hides`,
    ...hidden.files.map(line('hidden')),
  ];
}

function describeLayer({ diffId, digest, compression, sizeBytes, entries, items }: InspectedLayer): string {
  const stored = compression === null ? '' : ` ${compression}${digest === null ? '' : ` ${digest}`}`;
  const listed = items.length === 0 ? '' : ` ${items.map(displayText).join(' ')}`;
  return `layer ${diffId ?? digest ?? '-'} ${sizeBytes ?? '?'} ${entries ?? '?'} entries${stored}${listed}`;
}
