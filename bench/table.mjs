// The results as Markdown tables, with columns as wide as their longest cell.

import { goalRows } from './goals.mjs';
import { ratio } from './section.mjs';

const TITLES = {
  tar: 'tree to tar and SHA-256',
  image: 'store items to an image of 32 layers',
  gzip: 'tree to a gzip layer and both digests',
  start: 'start',
  growth: 'tree to tar and SHA-256',
};

/** @returns a Markdown table */
export function table(columns, rows) {
  const cells = [columns, ...rows].map((row) => row.map((cell) => String(cell).replaceAll('|', '\\|')));
  const widths = columns.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(cells[0]), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n');
}

/** Two digits that say something, whatever the size. */
function figure(value, digits = 2) {
  if (value === undefined || Number.isNaN(value)) return '';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value < 1 && digits === 2 ? 3 : digits);
}

export function machineText({ versions, seconds, secondsOfPrograms, ...machine }) {
  const { date, processors, memoryGiB, system, directory, commit } = machine;
  return `${date}, commit ${commit}, ${processors}, ${memoryGiB} GiB, ${system}, corpora in ${directory}; ${seconds} s in all, ${secondsOfPrograms} s of them in the programs.
${versions.join(', ')}.`;
}

export function goalTable(results) {
  const rows = goalRows(results).map(({ work, corpus, against, limit, ours, unit, isBound, met }) => [
    work,
    corpus,
    against.includes('|') || against.includes('GNU') ? `\`${against}\`` : against,
    `${limit} ${unit}`.trim(),
    `${isBound ? '< ' : ''}${ours >= 100 ? Math.round(ours) : ours.toFixed(2)} ${unit}`.trim(),
    met ? 'met' : met === undefined ? 'not shown' : '**not met**',
  ]);
  return table(['work', 'corpus', 'against', 'at most', 'ours', ''], rows);
}

function sectionTable({ work, programs }) {
  const ours = programs[0];
  const rates = work === 'start' ? () => '' : figure;
  const gzip = programs.some(({ gzipBytes }) => gzipBytes !== undefined);
  const columns = ['program', 's', 'ours : it', 'MB/s', 'files/s', 'CPU s', 'peak MB', 'runs'];
  const rows = programs.map((program) => {
    if (program.fails !== undefined)
      return [program.program, ...Array(7).fill(''), `fails: ${program.fails.slice(0, 80)}`];
    const [more, less] = program.stopped ? ['> ', '< '] : ['', ''];
    const below = (value) => value && less + value;
    return [
      program.program,
      more + figure(program.seconds),
      program === ours ? '' : less + figure(ratio(ours, program)).slice(0, 5),
      below(rates(program.megabytesPerSecond)),
      below(rates(program.filesPerSecond)),
      figure(program.cpuSeconds),
      program.peakBytes === undefined ? '' : Math.round(program.peakBytes / 1e6),
      program.stopped ? 'stopped' : program.samples.length,
      program.stopped
        ? 'not checked'
        : program.gzipBytes === undefined
          ? program.agrees
          : `${program.agrees}; ${figure(program.gzipBytes / 1e6)} MB`.replace(/^; /, ''),
    ];
  });
  return table([...columns, gzip ? 'checked; size' : 'checked'], rows);
}

export function sectionTables(results) {
  return results
    .map((section) => {
      const { corpus, work, files, entries } = section;
      const megabytes = (section.programs[0].sizeBytes ?? section.contentBytes) / 1e6;
      const what = `${files.toLocaleString('en')} files, ${entries.toLocaleString('en')} entries, ${figure(megabytes)} MB`;
      return `### ${corpus}: ${TITLES[work]} (${what})\n\n${sectionTable(section)}`;
    })
    .join('\n\n');
}
