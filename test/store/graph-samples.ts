/**
 * One graph as Nix 2.8.0 wrote it in each of its forms, with a store directory of its own written as /nix/store: what
 * `exportReferencesGraph = ["graph" hello]` puts into a build, `nix-store --dump-db`, `nix path-info --json --recursive
 * --closure-size`, and the `.attrs.json` of a build with `exportReferencesGraph = { closure = [hello]; library = [libc]; }`
 * (and another attribute that looks like a graph).
 */
export const EMPTY = '/nix/store/chcc750vmb5fn3cn10r4nhhnzfbm2kg4-libunistring-1.1';
export const HELLO = '/nix/store/hmwgyiix4nja981gc0zrjasynynyjbj0-hello-2.12';
export const LIBC = '/nix/store/lks0nmwadwgjgjrkj2js45484zk6gxrp-libc-2.36';

export const REFERENCES_GRAPH = `${EMPTY}

0
${HELLO}

2
${HELLO}
${LIBC}
${LIBC}

2
${EMPTY}
${LIBC}
`;

export const REGISTRATION = `${EMPTY}
4d8dfbd0fcaf7c2f6fbb0e74604c3a791928e98d3edb75131105408364313624
120
/nix/store/xjnfn360k3zj9jpkzss1m1waqjwgnwhx-libunistring-1.1.drv
0
${LIBC}
ecaeb98dad0a70c0fe8000132dccfe60eca089ccee7210847a99c3b9b9ab4bd7
256
/nix/store/0f5gf9yhlbykymfrpc021162rm4fy0av-libc-2.36.drv
2
${EMPTY}
${LIBC}
${HELLO}
658bdbe3dd8e9adc69b58c9b367ccea29abd3c316595af224c11fadfce62aba6
248
/nix/store/62hm2vhgb5awlhld5bsq0fijqrk191zy-hello-2.12.drv
2
${HELLO}
${LIBC}
`;

export const PATH_INFO = `[{"path":"${EMPTY}","narHash":"sha256-TY370PyvfC9vuw50YEw6eRko6Y0+23UTEQVAg2QxNiQ=","narSize":120,"references":[],"closureSize":120,"deriver":"/nix/store/xjnfn360k3zj9jpkzss1m1waqjwgnwhx-libunistring-1.1.drv","registrationTime":1795264562,"ultimate":true},{"path":"${HELLO}","narHash":"sha256-ZYvb492OmtxptYybNnzOopq9PDFlla8iTBH6385iq6Y=","narSize":248,"references":["${HELLO}","${LIBC}"],"closureSize":624,"deriver":"/nix/store/62hm2vhgb5awlhld5bsq0fijqrk191zy-hello-2.12.drv","registrationTime":1795264562,"ultimate":true},{"path":"${LIBC}","narHash":"sha256-7K65ja0KcMD+gAATLcz+YOygiczuchCEepnDubmrS9c=","narSize":256,"references":["${EMPTY}","${LIBC}"],"closureSize":376,"deriver":"/nix/store/0f5gf9yhlbykymfrpc021162rm4fy0av-libc-2.36.drv","registrationTime":1795264562,"ultimate":true}]`;

export const ATTRS = `{"builder":"/bin/bash","closure":[{"closureSize":120,"narHash":"sha256:091n65j86h05249pbnryipljh6br79660x0fpdpjyz5gzk8gp3ad","narSize":120,"path":"${EMPTY}","references":[]},{"closureSize":624,"narHash":"sha256:19mbcb7dzyhi9hiaz5b564ybv6m2rry3d6wcnmlxr6lfvpixp2v5","narSize":248,"path":"${HELLO}","references":["${HELLO}","${LIBC}"]},{"closureSize":376,"narHash":"sha256:1msbmfwvkhwrga210wpfrj4s1v30zv62s4q0h3zc0w0amn6vkbpc","narSize":256,"path":"${LIBC}","references":["${EMPTY}","${LIBC}"]}],"exportReferencesGraph":{"closure":["${HELLO}"],"library":["${LIBC}"]},"files":[{"mode":"0644","path":"etc/motd"}],"library":[{"closureSize":120,"narHash":"sha256:091n65j86h05249pbnryipljh6br79660x0fpdpjyz5gzk8gp3ad","narSize":120,"path":"${EMPTY}","references":[]},{"closureSize":376,"narHash":"sha256:1msbmfwvkhwrga210wpfrj4s1v30zv62s4q0h3zc0w0amn6vkbpc","narSize":256,"path":"${LIBC}","references":["${EMPTY}","${LIBC}"]}],"name":"attrs","outputs":{"out":"/nix/store/dap23jw8c72pqnsmfw21b6al6adgn5vi-attrs"},"system":"x86_64-linux"}`;
