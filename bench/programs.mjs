// What is run: each work as shell scripts, ours first, then the rivals. A script runs in the corpus's directory, reads `tree` and
// writes below `out`, which is empty before. The scripts find our command in $TARSEAL.

import { fileURLToPath } from 'node:url';

const RIVALS = fileURLToPath(new URL('./rivals', import.meta.url));
const DETERMINISTIC = '--format=ustar --sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference';
const TAR = `tar ${DETERMINISTIC}`;
const SORTED_BSDTAR =
  'find tree -print0 | LC_ALL=C sort -z | bsdtar --format=ustar --uid 0 --gid 0 --uname root --gname root -n --null -T - -cf';

/** Waits for the hash beside the pipeline too, as `>(…)` alone would not. */
const layerThrough = (compressor) => `mkfifo out/tee && { sha256sum < out/tee > out/diff-id & } &&
  ${TAR} -cf - tree | tee out/tee | ${compressor} | tee out/layer.tar.gz | sha256sum > out/digest && wait && cat out/diff-id out/digest`;

const node = (script) => `"$NODE" ${RIVALS}/${script}.mjs tree out/archive.tar`;
const PYTHON = 'Python tarfile, two passes';

/** One that is several times as slow as ours. */
const dear = (name, script) => ({ name, agree: 'members', dear: true, script });
/** The best of them is what a goal is about. */
const inJavaScript = (name, program) => ({ ...dear(name, node(program)), contest: true });
const python = (kind, out, tree) => `python3 ${RIVALS}/two_passes.py ${kind} ${out} ${tree}`;

/** The layers, each with the directories above its item, named by their digests; `append` and `end` make the image of them. */
const guixImage = (append, end = 'true') => `cd tree && for item in nix/store/*; do
    ${TAR} -cf ../out/layer.tar --no-recursion nix nix/store --recursion $item && digest=$(sha256sum < ../out/layer.tar) && digest=\${digest%% *} && echo $digest &&
    mkdir -p ../out/layers/$digest && mv ../out/layer.tar ../out/layers/$digest/layer.tar && cd ../out/layers && ${append} && cd ../../tree || exit 1
  done && cd ../out/layers && ${end}`;

/**
 * A program without a mark is part of a goal, and runs in every round; one marked `once` runs once, and one marked `dear` once and
 * no longer than there is time; of those in the `contest` the fastest goes on to the rounds (section.mjs).
 *
 * How each program's result is held to ours (agree.mjs):
 * `bytes` the same archive; `members` the same names, types, modes, link targets and contents; `layers` the digests that
 * it prints are our layers' (`nixLayers` those of our nix dialect); `gzip` its layer unpacks to the same tar; `none` it makes nothing.
 */
export const WORKS = {
  /** A tree to a tar archive and its SHA-256. */
  tar: [
    {
      name: 'tarseal tar',
      ours: true,
      agree: 'bytes',
      script: '"$NODE" "$TARSEAL" tar -cf out/archive.tar --json tree',
    },
    {
      name: 'tarseal tar --hash-engine wasm',
      ours: true,
      agree: 'bytes',
      script: '"$NODE" "$TARSEAL" tar --hash-engine wasm -cf out/archive.tar --json tree',
    },
    {
      name: 'tarseal build, one layer',
      ours: true,
      once: true,
      agree: 'layer',
      script: '"$NODE" "$TARSEAL" build --add tree=/tree -t bench:1 -o out/image.tar --json',
    },
    { name: 'GNU tar alone, hashes nothing', agree: 'bytes', script: `${TAR} -cf out/archive.tar tree` },
    {
      name: 'GNU tar; openssl',
      once: true,
      agree: 'bytes',
      script: `${TAR} -cf out/archive.tar tree && openssl dgst -sha256 out/archive.tar`,
    },
    {
      name: 'GNU tar | tee | openssl',
      once: true,
      agree: 'bytes',
      script: `${TAR} -cf - tree | tee out/archive.tar | openssl dgst -sha256`,
    },
    {
      name: 'GNU tar; sha256sum',
      agree: 'bytes',
      script: `${TAR} -cf out/archive.tar tree && sha256sum out/archive.tar`,
    },
    {
      name: 'bsdtar, sorted; openssl',
      once: true,
      agree: 'members',
      script: `${SORTED_BSDTAR} out/archive.tar && openssl dgst -sha256 out/archive.tar`,
    },
    dear('@napi-rs/tar', node('napi-rs-tar')),
    inJavaScript('node-tar, sync', 'node-tar-sync'),
    inJavaScript('node-tar, async', 'node-tar-async'),
    inJavaScript('modern-tar', 'modern-tar'),
    inJavaScript('tar-fs', 'tar-fs'),
    inJavaScript('tar-stream', 'tar-stream'),
    dear(PYTHON, python('archive', 'out/archive.tar', 'tree')),
  ],

  /** The 32 items of a store to an image of 32 layers in one archive. */
  image: [
    {
      name: 'tarseal build, 32 layers',
      ours: true,
      agree: 'image',
      script:
        '"$NODE" "$TARSEAL" build tree/nix/store/* --store tree/nix/store=/nix/store --max-layers 40 -t bench:1 -o out/image.tar --json',
    },
    {
      name: 'GNU tar and sha256sum per layer; GNU tar of the whole',
      agree: 'layers',
      script: guixImage('true', `${TAR} -cf ../image.tar *`),
    },
    {
      name: 'the same, layers appended with tar -rf (Guix)',
      once: true,
      agree: 'layers',
      script: guixImage(`${TAR} -rf ../image.tar $digest && rm -r $digest`),
    },
    {
      name: 'Python tarfile, two passes (nixpkgs)',
      dear: true,
      agree: 'nixLayers',
      script: python('image', 'out/image.tar', 'tree/nix/store'),
    },
  ],

  /** A tree to a gzip layer, with the digests of the tar and of the blob. */
  gzip: [
    {
      name: 'tarseal build, gzip layer',
      ours: true,
      agree: 'layout',
      script:
        '"$NODE" "$TARSEAL" build --add tree=/tree -t bench:1 --format oci-layout --layer-compression gzip -o out/layout --json',
    },
    {
      name: 'tar | tee >(sha256sum) | pigz -6 -p2 | tee | sha256sum',
      agree: 'gzip',
      script: layerThrough('pigz -n -6 -p2'),
    },
    {
      name: 'tar | tee >(sha256sum) | gzip -6 | tee | sha256sum',
      once: true,
      agree: 'gzip',
      script: layerThrough('gzip -n -6'),
    },
  ],

  /** Ten files: the start is nearly all of it. */
  start: [
    {
      name: 'tarseal tar',
      ours: true,
      agree: 'bytes',
      script: '"$NODE" "$TARSEAL" tar -cf out/archive.tar --json tree',
    },
    {
      name: 'tarseal build',
      ours: true,
      agree: 'layer',
      script: '"$NODE" "$TARSEAL" build --add tree=/tree -t bench:1 -o out/image.tar --json',
    },
    { name: 'tarseal --version', ours: true, agree: 'none', script: '"$NODE" "$TARSEAL" --version' },
    { name: 'node -e 0', agree: 'none', script: '"$NODE" -e 0' },
    {
      name: 'GNU tar; sha256sum',
      agree: 'bytes',
      script: `${TAR} -cf out/archive.tar tree && sha256sum out/archive.tar`,
    },
  ],

  /** Small files in growing numbers; 60,000 are `many`, whose programs are these and more. */
  growth: [
    {
      name: 'tarseal tar',
      ours: true,
      agree: 'bytes',
      script: '"$NODE" "$TARSEAL" tar -cf out/archive.tar --json tree',
    },
    { name: 'GNU tar alone, hashes nothing', agree: 'bytes', script: `${TAR} -cf out/archive.tar tree` },
    {
      name: 'GNU tar; sha256sum',
      once: true,
      agree: 'bytes',
      script: `${TAR} -cf out/archive.tar tree && sha256sum out/archive.tar`,
    },
  ],
};

export const JAVASCRIPT = WORKS.tar.filter(({ contest }) => contest).map(({ name }) => name);
/** Rivals that take up to forty times as long as ours on small files. */
const SLOW = WORKS.tar.filter((program) => program.dear).map(({ name }) => name);
/** All but the one of which the growth is shown. */
const SLOWEST = SLOW.filter((name) => name !== 'node-tar, sync');
// Those that are stopped on `many` have a figure at a sixth of it.
WORKS.growth.push(...WORKS.tar.filter((program) => program.dear).map(({ contest, ...program }) => program));

/** Our image in the nix dialect, whose layers are those of nixpkgs; built for the comparison only. */
export const NIX_DIALECT =
  '"$NODE" "$TARSEAL" build tree/nix/store/* --store tree/nix/store=/nix/store --max-layers 40 -t bench:1 --dialect nix -o out/image.tar --json';

/**
 * What is measured, in order: corpora, their works, and where a work's pace is its own. `until` is the share of the whole time
 * after which dear rivals have no more than the least.
 */
export const SECTIONS = [
  { corpus: 'tiny', works: { start: { until: 0.03, rounds: 13 } } },
  {
    corpus: 'many',
    works: {
      // Python packs it as an image, which takes as long.
      tar: { until: 0.25, without: [PYTHON] },
      // So long that the limit shows whether the goal, a tenth of it, is met.
      image: { until: 0.34, limitSeconds: 40, leastLimit: 11 },
    },
  },
  { corpus: 'big', works: { tar: { until: 0.49 } } },
  { corpus: 'mixed', works: { tar: { until: 0.7, limitSeconds: 14 } } },
  { corpus: 'layer', works: { gzip: { until: 0.78 } } },
  // Small files, too: the slow ones would say nothing of it that they do not say of `many`.
  { corpus: 'deep', works: { tar: { until: 0.82, without: SLOW } } },
  { corpus: 'store', works: { image: { until: 0.86 } } },
  { corpus: 'grow-1000', works: { growth: { until: 0.86, without: SLOWEST } } },
  // So long that each of them comes to its end.
  { corpus: 'grow-10000', works: { growth: { until: 0.92, leastLimit: 50 } } },
  { corpus: 'grow-300000', works: { growth: { until: 1, without: ['GNU tar; sha256sum', ...SLOW] } } },
];

/** Too long for a quick run. */
export const LONG_CORPORA = ['grow-300000'];
