// The goals, each a row: the work, what it is held against, the limit, our figure of this run, met or not.

import { JAVASCRIPT } from './programs.mjs';
import { ratio } from './section.mjs';

const OURS = 'tarseal tar';
const WASM = 'tarseal tar --hash-engine wasm';
const MEGABYTE = 1e6;
/** What two runs of one program differ by: a growth below it is none. */
const NOISE = 0.05;

/** Sections that show growth, by the number of their files. `many` consists of the same files as the others. */
export function growthSections(results) {
  const sections = results.filter(({ corpus, work }) => work === 'growth' || (corpus === 'many' && work === 'tar'));
  return sections.sort((a, b) => a.files - b.files);
}

/** @param results all of a run, each `{ corpus, files, work, programs }`
 * @returns rows, of which `met` is undefined where a rival was stopped too early to tell */
export function goalRows(results) {
  const rows = [];
  const section = (corpus, work) => results.find((result) => result.corpus === corpus && result.work === work);
  const find = (corpus, work, name) =>
    section(corpus, work)?.programs.find(({ program, fails }) => program === name && fails === undefined);
  const add = (work, corpus, against, limit, ours, { unit = '', isBound = false } = {}) => {
    // What is no more than a bound shows a goal that it lies within, and nothing of another.
    const met = ours <= limit || (isBound ? undefined : false);
    if (ours !== undefined) rows.push({ work, corpus, against, limit, ours, unit, isBound, met });
  };
  const addRatio = (title, corpus, work, oursName, theirsName, limit, against = theirsName) => {
    const [ours, theirs] = [find(corpus, work, oursName), find(corpus, work, theirsName)];
    if (ours && theirs) add(title, corpus, against, limit, ratio(ours, theirs), { isBound: theirs.stopped });
  };

  for (const corpus of ['many', 'big', 'mixed', 'deep']) {
    addRatio('tar + SHA-256', corpus, 'tar', OURS, 'GNU tar alone, hashes nothing', 0.85);
  }
  // `deep` consists of small files, so that it is held to what holds for `many`.
  for (const [corpus, limit] of [
    ['many', 0.45],
    ['big', 0.25],
    ['mixed', 0.25],
    ['deep', 0.45],
  ]) {
    addRatio('tar + SHA-256', corpus, 'tar', OURS, 'GNU tar; sha256sum', limit);
  }
  for (const [corpus, limit] of [
    ['many', 0.2],
    ['mixed', 0.35],
    ['big', 0.6],
  ]) {
    const rivals = JAVASCRIPT.map((name) => find(corpus, 'tar', name)).filter(Boolean);
    const best = rivals.sort((a, b) => a.seconds - b.seconds)[0];
    if (best)
      addRatio('tar + SHA-256', corpus, 'tar', OURS, best.program, limit, `best in JavaScript: ${best.program}`);
  }
  for (const corpus of ['many', 'big', 'mixed', 'deep']) {
    addRatio('the same, `--hash-engine wasm`', corpus, 'tar', WASM, 'GNU tar; sha256sum', 0.75);
  }

  const image = 'tarseal build, 32 layers';
  for (const corpus of ['many', 'store']) {
    addRatio('32-layer image', corpus, 'image', image, 'GNU tar and sha256sum per layer; GNU tar of the whole', 0.3);
    addRatio('32-layer image', corpus, 'image', image, 'the same, layers appended with tar -rf (Guix)', 0.3);
  }
  addRatio('32-layer image', 'many', 'image', image, 'Python tarfile, two passes (nixpkgs)', 0.1);

  const gzip = 'tarseal build, gzip layer';
  const pigz = 'tar | tee >(sha256sum) | pigz -6 -p2 | tee | sha256sum';
  const [ourLayer, pigzLayer] = [find('layer', 'gzip', gzip), find('layer', 'gzip', pigz)];
  addRatio('gzip layer + both digests', 'layer', 'gzip', gzip, pigz, 0.55);
  if (ourLayer && pigzLayer) {
    add('gzip layer, its size', 'layer', 'pigz -6', 1, ourLayer.gzipBytes / pigzLayer.gzipBytes);
  }
  addRatio(
    'gzip layer + both digests',
    'layer',
    'gzip',
    gzip,
    'tar | tee >(sha256sum) | gzip -6 | tee | sha256sum',
    0.25,
  );

  for (const name of ['tarseal tar', 'tarseal build', 'tarseal --version']) {
    addRatio(
      `${name}, ten files`.replace('--version, ten files', '--version'),
      'tiny',
      'start',
      name,
      'node -e 0',
      1.5,
    );
  }

  for (const { corpus, files, work, programs } of results) {
    const ours = programs.filter((program) => program.ours && program.peakBytes !== undefined);
    const largest = ours.sort((a, b) => b.peakBytes - a.peakBytes)[0];
    if (largest === undefined) continue;
    const many = files > 100_000;
    const title = many ? `peak memory, ${files.toLocaleString('en')} files` : `peak memory, ${work}`;
    add(title, corpus, largest.program, many ? 300 : 150, largest.peakBytes / MEGABYTE, { unit: 'MB' });
  }

  const growth = growthSections(results);
  for (let step = 1; step < growth.length; step++) {
    const [smaller, larger] = [growth[step - 1], growth[step]];
    const perFile = ({ files, programs }) => programs.find(({ program }) => program === OURS).seconds / files;
    const against = `time a file of ${smaller.files.toLocaleString('en')} files`;
    add('growth', larger.corpus, against, 1 + NOISE, perFile(larger) / perFile(smaller));
  }
  return rows;
}
