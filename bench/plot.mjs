export function drawPlot() { return ''; }
