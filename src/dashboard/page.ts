/** The page itself. Its addresses are relative, so that it can stand below any path. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice</title>
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
</head>
<body>
<header>
<h1>Sluice</h1>
<p id="engine"></p>
<p id="status" role="status">connecting …</p>
</header>
<noscript><p>This page shows what is read by its script. The same data: <a href="api/overview">api/overview</a></p></noscript>
<main>
<section aria-labelledby="queues-title">
<h2 id="queues-title">Queues <span id="queues-count" class="count"></span></h2>
<table>
<thead><tr><th scope="col">Queue</th><th scope="col">Ready</th><th scope="col">Timed</th><th scope="col">Parked</th><th scope="col">In flight</th><th scope="col">Dead</th></tr></thead>
<tbody id="queues"></tbody>
</table>
<p id="queues-empty" class="empty" hidden>No queue holds a job.</p>
</section>
<section aria-labelledby="locks-title">
<h2 id="locks-title">Locks <span id="locks-count" class="count"></span></h2>
<table>
<thead><tr><th scope="col">Lock</th><th scope="col">Holder</th><th scope="col">Fence</th><th scope="col">Held for</th><th scope="col">Lease left</th><th scope="col">Waiters</th></tr></thead>
<tbody id="locks"></tbody>
</table>
<p id="locks-empty" class="empty" hidden>No lock is held or waited for.</p>
</section>
<section aria-labelledby="limits-title">
<h2 id="limits-title">Limits <span id="limits-count" class="count"></span></h2>
<table>
<thead><tr><th scope="col">Limiter</th><th scope="col">Key in use</th></tr></thead>
<tbody id="limits"></tbody>
</table>
<p id="limits-empty" class="empty" hidden>Every key is as good as new.</p>
</section>
</main>
</body>
</html>
`
