// The results as one SVG: time against the number of files, and throughput by program on three corpora.

import { growthSections } from './goals.mjs';

const WIDTH = 960;
const OURS = '#c2410c';
const THEIRS = ['#334155', '#0369a1', '#64748b'];
const BARS = '#94a3b8';
const STYLE = 'font-family="system-ui, sans-serif" fill="#1e293b"';

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function label(x, y, text, { size = 12, anchor = 'start', fill, weight } = {}) {
  const extra = `${fill ? ` fill="${fill}"` : ''}${weight ? ` font-weight="${weight}"` : ''}`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}"${extra}>${escaped(text)}</text>`;
}

function line(x1, y1, x2, y2, stroke = '#e2e8f0') {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}"/>`;
}

/** Lines in a plane of two logarithmic axes; each line is named at its end. */
function growthPanel(sections, top, height) {
  const left = 60;
  const right = WIDTH - 230;
  const bottom = top + height;
  const timeOf = ({ programs }, name) =>
    programs.find(({ program, samples }) => program === name && samples !== undefined)?.seconds;
  const wasRun = (name) => sections.some((section) => timeOf(section, name) !== undefined);
  const names = sections[0].programs.map(({ program }) => program).filter(wasRun);
  const points = names.map((name) =>
    sections
      .map((section) => ({ files: section.files, seconds: timeOf(section, name) }))
      .filter(({ seconds }) => seconds !== undefined),
  );
  const all = points.flat();
  const bounds = (values) => [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const [firstX, lastX] = bounds(all.map(({ files }) => files));
  const [lowest, highest] = bounds(all.map(({ seconds }) => seconds));
  const [firstY, lastY] = [Math.floor(lowest), Math.ceil(highest)];
  const x = (files) => left + ((Math.log10(files) - firstX) / (lastX - firstX)) * (right - left);
  const y = (seconds) => bottom - ((Math.log10(seconds) - firstY) / (lastY - firstY)) * height;

  const parts = [
    label(left, top - 14, 'Tree to tar and SHA-256: seconds against number of files', { size: 14, weight: 600 }),
  ];
  for (let power = firstY; power <= lastY; power++) {
    parts.push(line(left, y(10 ** power), right, y(10 ** power)));
    parts.push(label(left - 8, y(10 ** power) + 4, `${Number((10 ** power).toPrecision(1))} s`, { anchor: 'end' }));
  }
  for (const { files } of sections) {
    const nominal = Number(files.toPrecision(1));
    parts.push(line(x(files), top, x(files), bottom));
    parts.push(label(x(files), bottom + 18, nominal.toLocaleString('en'), { anchor: 'middle' }));
  }
  // Names of lines that end close together are moved apart.
  const ends = points.map((line, index) => ({ index, y: y(line.at(-1).seconds) + 4 })).sort((a, b) => a.y - b.y);
  ends.forEach((end, place) => {
    if (place > 0) end.y = Math.max(end.y, ends[place - 1].y + 15);
  });
  for (const { index, y: labelY } of ends) {
    const colour = index === 0 ? OURS : THEIRS[(index - 1) % THEIRS.length];
    const path = points[index].map(({ files, seconds }) => `${x(files).toFixed(1)},${y(seconds).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${index === 0 ? 3 : 2}"/>`);
    parts.push(label(right + 10, labelY, names[index], { fill: colour, weight: index === 0 ? 600 : 400 }));
  }
  return parts;
}

/** A row for each program, a column for each corpus with a scale of its own. */
function throughputPanel(sections, top, rowHeight) {
  const left = 230;
  const column = (WIDTH - left - 20) / sections.length;
  const programs = sections[0].programs.map(({ program, ours }) => ({ program, ours }));
  const parts = [label(60, top - 34, 'Throughput by program, MB of tar a second', { size: 14, weight: 600 })];
  for (const [index, { corpus }] of sections.entries()) {
    parts.push(label(left + index * column, top - 10, corpus, { weight: 600 }));
  }
  programs.forEach(({ program, ours }, row) => {
    const y = top + row * rowHeight;
    parts.push(label(left - 10, y + 13, program, { anchor: 'end', fill: ours ? OURS : undefined }));
    sections.forEach((section, index) => {
      const found = section.programs.find((result) => result.program === program);
      const x = left + index * column;
      if (found?.samples === undefined) {
        const why = found?.stopped ? `less than ${Math.ceil(found.megabytesPerSecond)}` : 'fails';
        parts.push(label(x, y + 13, why, { size: 11, fill: '#64748b' }));
        return;
      }
      const most = Math.max(...section.programs.map(({ megabytesPerSecond = 0 }) => megabytesPerSecond));
      const width = Math.max(1, (found.megabytesPerSecond / most) * (column - 60));
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y + 2}" width="${width.toFixed(1)}" height="${rowHeight - 5}" fill="${ours ? OURS : BARS}"/>`,
      );
      parts.push(label(x + width + 5, y + 13, Math.round(found.megabytesPerSecond).toLocaleString('en'), { size: 11 }));
    });
  });
  return parts;
}

/** @param results those of a run, of which the panels take what they show; a panel that has nothing is left out */
export function drawPlot(results, { date, processors }) {
  const growth = growthSections(results);
  const throughput = results.filter(({ corpus, work }) => work === 'tar' && corpus !== 'deep');
  const parts = [];
  let height = 50;
  if (growth.length > 1) {
    parts.push(...growthPanel(growth, height, 300));
    height += 300 + 110;
  }
  if (throughput.length > 0) {
    parts.push(...throughputPanel(throughput, height, 20));
    height += throughput[0].programs.length * 20 + 30;
  }
  parts.push(label(WIDTH - 20, height, `${date}, ${processors}`, { size: 11, anchor: 'end', fill: '#64748b' }));
  height += 14;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ${STYLE}>
<title>Time against the number of files, and throughput by program</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}
