//! The texts: name, English, Japanese.

use log2aws_core::chart::Language;

use super::table_day::with_day;

macro_rules! words {
    ($($name:ident: $en:literal, $ja:literal;)*) => {
        /// All texts of one language.
        #[derive(Debug)]
        pub(crate) struct Words {
            pub(crate) language: Language,
            $(pub(crate) $name: &'static str,)*
        }
        pub(super) static EN: Words = Words { language: Language::En, $($name: $en,)* };
        pub(super) static JA: Words = Words { language: Language::Ja, $($name: $ja,)* };
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $ja),)*];
    };
}

with_day! {
    words;
    // The frame of every page.
    skip: "Skip to the content", "本文へ移動";
    main_menu: "Main menu", "メインメニュー";
    calendar: "Calendar", "カレンダー";
    compare: "Compare", "比較";
    log_out: "Log out", "ログアウト";
    this_machine: "this machine", "このマシン";
    shown_from: "Source: {source}", "表示元：{source}";
    viewer: "Logged in with the token {token}", "トークン {token} でログイン中";
    viewer_reads: "Logged in with the token {token} (read-only)", "トークン {token}（閲覧のみ）でログイン中";
    updated: "Updated.", "更新しました。";
    live_lost: "Live updates are interrupted; this page checks every 30 seconds.", "自動更新が途切れています。30 秒ごとに確認します。";
    kind_ok: "OK:", "正常：";
    kind_note: "Note:", "情報：";
    kind_warn: "Warning:", "注意：";
    kind_bad: "Problem:", "異常：";

    // Days of the week.
    mon: "Mon", "月";
    tue: "Tue", "火";
    wed: "Wed", "水";
    thu: "Thu", "木";
    fri: "Fri", "金";
    sat: "Sat", "土";
    sun: "Sun", "日";

    // The alerts.
    alerts: "Alerts", "アラート";
    alerts_one: "{n} alert is firing", "アラート {n} 件が発生中";
    alerts_many: "{n} alerts are firing", "アラート {n} 件が発生中";
    alerts_none: "No alert is firing.", "発生中のアラートはありません。";
    alerts_one_here: "{n} alert", "アラート {n} 件";
    alerts_many_here: "{n} alerts", "アラート {n} 件";
    alerts_unknown: "The rules have not been applied since the start of the program yet.", "プログラムの起動後、ルールはまだ適用されていません。";
    alerts_hook_failed: "The webhook {name} has not taken a message in {n} attempts; messages waiting: {pending}. It is tried again.", "Webhook {name} への通知に {n} 回失敗しました（未送信 {pending} 件）。再試行します。";
    alerts_firing: "Firing", "発生中";
    alerts_resolved: "Resolved in the last 30 days", "過去 30 日に解消";
    alerts_rule: "Rule", "ルール";
    alerts_since: "Since", "開始";
    alerts_over: "Resolved", "解消";
    alerts_what: "Details", "内容";
    alerts_rules: "Rules", "ルール";
    alerts_no_webhook: "No webhook is set: alerts are shown here, on the calendar and as metrics only.", "Webhook の設定はありません。アラートはこのページ、カレンダー、メトリクスだけに表示されます。";
    alerts_webhooks: "Webhooks: {names}", "通知先の Webhook：{names}";
    severity_warning: "warning", "警告";
    severity_critical: "critical", "重大";

    // The calendar.
    servers_one: "{n} server", "サーバー {n} 台";
    servers_many: "{n} servers", "サーバー {n} 台";
    troubled_none: "no problems in this period", "この期間に異常なし";
    troubled_one: "{n} server with problems in this period", "この期間に異常 {n} 台";
    troubled_many: "{n} servers with problems in this period", "この期間に異常 {n} 台";
    matching: "matching the search: {n}", "検索に一致 {n} 台";
    loading: "Scanning the store: {listed} objects listed, {read} days read.", "保存先を確認しています：オブジェクト {listed} 件を確認、{read} 日分を読み込み済み。";
    unreadable_one: "{n} stored object could not be read or removed in the last day. The others are not affected.", "過去 1 日に {n} 件のファイルを読み取りまたは削除できませんでした。ほかのファイルに影響はありません。";
    unreadable_many: "{n} stored objects could not be read or removed in the last day. The others are not affected.", "過去 1 日に {n} 件のファイルを読み取りまたは削除できませんでした。ほかのファイルに影響はありません。";
    retention_paused: "Removal by age is paused, because no log of the last day confirms this machine's clock. Check the clock. If it is right and deliveries have ended, start serve with --retention-trust-clock.", "直近 1 日のログがなく、このマシンの時計が正しいと確かめられないため、古いデータの削除を止めています。時計を確認してください。時計が正しく、ログの送信が終わっているのなら、--retention-trust-clock を付けて serve を起動してください。";
    load_failed: "The store could not be read; the page shows what was known before.", "保存先を確認できませんでした。以前に確認した内容を表示しています。";
    search: "Server", "サーバー名";
    search_hint: "part of a name or note, or web*", "名前かメモの一部、または web*";
    date_hint: "YYYY-MM-DD, MM-DD, yesterday or -7d", "YYYY-MM-DD、MM-DD、yesterday（昨日）、-7d";
    lens: "Show", "表示する値";
    lens_load: "Load per core", "コアあたりの負荷";
    lens_cpu: "CPU busy", "CPU 使用率";
    lens_iowait: "I/O wait", "I/O 待ち";
    lens_free: "Least free memory", "最小空きメモリ";
    lens_swap: "Most swapped", "最大スワップ";
    lens_reboots: "Reboots", "再起動";
    lens_complete: "Completeness", "記録のそろい具合";
    say_lens_load: "p95 of the day's 1-minute load average, divided by the server's cores", "その日のロードアベレージ（1 分）の p95 をコア数で割った値";
    say_lens_cpu: "mean of the day: user, system, waiting and stolen time", "その日の平均（ユーザー・システム・I/O 待ち・スチールの合計）";
    say_lens_iowait: "p95 of the day's time waiting for I/O", "その日の I/O 待ちの p95";
    say_lens_free: "least free memory of the day, without buffers and cache", "その日の空きメモリの最小値（バッファーとキャッシュは含みません）";
    say_lens_swap: "most swapped-out memory of the day", "その日のスワップ使用量の最大値";
    say_lens_reboots: "reboots of the day", "その日の再起動の回数";
    say_lens_complete: "samples that are there, in percent of those that the day should have", "その日にあるべき記録のうち、そろっている割合";
    scale_below: "below {n}", "{n} 未満";
    scale_from: "from {n}", "{n} 以上";
    mark_incomplete: "Corner: samples are missing or lines could not be read on that day.", "角の印：欠落か、読めない行があります。";
    mark_no_cores: "In parentheses: the number of cores is unknown, so this is the load itself; its colours change at 1, 2, 4, 8 and 16.", "括弧付き：コア数が不明なため、負荷そのものの値です。色は 1・2・4・8・16 で変わります。";
    mark_no_value: "The log of the day has no such value.", "その日のログにこの値はありません。";
    sort: "Order", "並び順";
    sort_severity: "Worst first", "異常の多い順";
    sort_name: "Name", "名前順";
    sort_lens: "{lens}", "{lens}順";
    arrived: "{n} arrived", "到着 {n}";
    arrived_head: "arrived", "到着数";
    not_yet: "{n} not yet (due {at})", "未到着 {n}（期限 {at}）";
    silent_one: "{n} silent since {day}", "途絶 {n}（最終 {day}）";
    silent_many: "{n} silent, the longest since {day}", "途絶 {n}（最も古い最終日 {day}）";
    missing_n: "{n} missing", "欠落 {n}";
    off_n: "{n} off", "停止 {n}";
    retired_n: "{n} retired", "運用終了 {n}";
    retired_before: "retired before, not listed: {n}", "期間前に運用終了（非表示）{n} 台";
    retired_fault: "The records of retired servers cannot be read, so a retired server may be shown as missing:", "運用終了の記録を読めません。運用を終えたサーバーが欠落として表示されることがあります：";
    retired_line: "retired since {day}: {why} (by {by})", "{day} から運用終了：{why}（{by}）";
    no_server_yet: "no server known on that day", "この日に既知のサーバーなし";
    missing_on: "Servers without results of {day}:", "{day} の結果がないサーバー：";
    none_missing: "No server is missing on {day}.", "{day} の結果が届いていないサーバーはありません。";
    none_troubled_yet: "No server has problems in this period so far.", "この期間に異常のあるサーバーは、今のところありません。";
    compare_chosen: "Compare the selected servers", "選んだサーバーを比較";
    compare_one: "Compare {server}", "{server} を比較";
    reboots_here_many: "{n} reboots", "再起動 {n} 回";
    reboots_problem: "{n} reboots in this period; three or more count as a problem.", "この期間に {n} 回再起動しています。3 回以上は異常として扱います。";
    troubled_only: "Only servers with problems", "異常のあるサーバーだけ";
    days_shown: "Days", "日数";
    last_day: "Last day", "最終日";
    show: "Show", "表示";
    earlier: "Earlier", "前の期間";
    later: "Later", "後の期間";
    today: "Newest", "最新";
    pages: "Pages", "ページ";
    page_of: "Page {page} of {pages}", "{pages} ページ中 {page} ページ目";
    page_previous: "Previous page", "前のページ";
    page_next: "Next page", "次のページ";
    calendar_caption: "{lens} by server and day, {from} to {to}", "サーバー・日別の{lens}（{from} ～ {to}）";
    calendar_region: "Calendar table; scrolls sideways. The arrow keys move from cell to cell.", "カレンダー表。横スクロールできます。矢印キーでセル間を移動します。";
    skip_table: "Skip to the table", "表へ移動";
    skip_past_table: "Skip the table", "表を飛ばす";
    legend: "Legend", "凡例";
    tap_again: "Tap again to open the day.", "もう一度タップするとその日を開きます。";
    scrolls: "Swipe sideways to see the whole chart.", "横にスワイプすると全体を見られます。";
    server: "Server", "サーバー";
    no_servers: "No server has delivered a log yet.", "ログを届けたサーバーはまだありません。";
    no_servers_next: "Servers appear here when their first log arrives.", "最初の日次ログが届くと、ここにサーバーが表示されます。";
    nothing_so_far: "No server found yet; the store is still being scanned.", "まだサーバーは見つかっていません。保存先を確認中です。";
    none_matching: "No server matches. Shorten the search or show all servers.", "一致するサーバーがありません。検索語を短くするか、すべて表示してください。";
    none_troubled: "No server has problems in this period.", "この期間に異常のあるサーバーはありません。";
    show_all: "Show all servers", "すべてのサーバーを表示";

    // Cells: short texts for the table.
    cell_complete: "complete", "欠落なし";
    cell_missing: "{n} missing", "欠落 {n} 件";
    cell_off: "off ({n} missing)", "停止中の欠落 {n} 件";
    cell_rejects_one: "{n} unreadable line", "読めない行 {n} 行";
    cell_rejects_many: "{n} unreadable lines", "読めない行 {n} 行";
    cell_reboots_one: "{n} reboot", "再起動 {n} 回";
    cell_reboots_many: "{n} reboots", "再起動 {n} 回";
    cell_of: "{samples} of {expected} samples", "記録 {samples}/{expected} 件";
    cell_refused: "refused", "受付拒否";
    cell_unreadable: "summary unreadable", "集計が読めない";
    cell_not_due: "not due yet", "到着予定前";
    cell_not_yet_known: "before the first delivery", "初回到着より前";
    cell_off_day: "off", "停止";
    cell_ran: "missing although it ran", "稼働中なのに欠落";
    cell_silent: "silent since then", "以後何も届いていない";
    cell_silent_since: "silent since {day}", "{day} を最後に途絶";
    cell_incomplete: "incomplete", "欠落あり";
    cell_unknown: "missing, cause unknown", "欠落（原因不明）";
    cell_loading: "not scanned yet", "未確認";
    cell_retired: "retired", "運用終了";
    cell_retired_since: "retired since {day}", "{day} から運用終了";

    // Cells: whole sentences, for the legend and the page of such a day.
    say_complete: "All samples are present and every line was read.", "すべての記録がそろい、すべての行を読めました。";
    say_off: "Samples are missing because the machine was off.", "欠落がありますが、その間マシンは停止していました。";
    say_rejects: "Some lines could not be read.", "読めない行があります。";
    say_gaps: "Samples are missing although the machine ran, or it is unknown whether it did.", "欠落があります。マシンは稼働していたか、稼働していたかどうか不明です。";
    say_refused: "A log from an address that is not on the allow-list was refused.", "許可リストにないアドレスからログが届いたため、受け付けませんでした。";
    say_unreadable: "The summary cannot be read.", "集計ファイルを読めません。";
    say_not_due: "The log is not due yet: the day is not over, or the log has not been sent.", "ログの到着予定前です。この日がまだ終わっていないか、まだ送信されていません。";
    say_not_yet_known: "This server had not delivered any log before.", "このサーバーからは、これ以前に何も届いていません。";
    say_off_day: "Off: the next sample's uptime starts after this day.", "マシンは停止していたか、その後に起動しています。次の記録の稼働時間がこの日まで遡らないためです。";
    say_ran: "The machine ran (uptime kept growing over this day), but its samples or their upload are missing.", "マシンは稼働していました（稼働時間が増え続けています）。記録が採取されていないか、送信されていません。";
    say_silent: "No log has arrived since; the cause is unknown.", "以後このサーバーから何も届いていないため、原因は分かりません。";
    say_unknown: "No results for this day; neighbouring days carry no uptime, so the cause is unknown.", "この日の結果がなく、前後の日からも稼働時間が分かりません。";
    say_loading: "The scan of the store is not finished; this day may have results.", "保存先をまだ確認しきれていません。この日の結果がある可能性もあります。";
    say_retired: "An operator retired this server: no log of this day is expected.", "管理者がこのサーバーの運用終了を記録したため、この日のログは届かない予定です。";

    // Trends.
    trends: "Trends", "傾向";
    trends_say: "What gets worse from day to day: memory that runs out, swap that fills, load that rises. Only trends whose direction is certain are listed.", "日ごとに悪化しているもの：減り続けるメモリ、増え続けるスワップ、上がり続ける負荷。方向が確かな傾向だけを示します。";
    trends_days: "Days", "日数";
    trends_last: "last {n} days", "直近 {n} 日間";
    trends_count_one: "{n} trend among {servers} servers with two weeks of logs", "2 週間分以上のログがある {servers} 台のうち、傾向 {n} 件";
    trends_count_many: "{n} trends among {servers} servers with two weeks of logs", "2 週間分以上のログがある {servers} 台のうち、傾向 {n} 件";
    trends_first: "The {shown} most urgent of {n} trends are shown.", "{n} 件のうち、急ぐものから {shown} 件を表示しています。";
    trends_none: "No trend: nothing gets worse from day to day.", "悪化し続けているものはありません。";
    trends_too_new: "A trend takes two weeks of logs; no server has that many here.", "傾向を調べるには 2 週間分のログが必要です。まだどのサーバーにもありません。";
    trends_loading: "The scan of the store is not finished; trends may be missing.", "保存先の確認が終わっていないため、まだ出ていない傾向がある可能性があります。";
    trend_figure: "Figure", "項目";
    trend_change: "Change", "変化";
    trend_week: "Per week", "1 週間あたり";
    trend_limit: "Forecast", "見通し";
    trend_since: "since {day}", "{day} から";
    drift_free: "Least free memory", "最小空きメモリ";
    drift_left: "Free memory with buffers and cache", "空きメモリ（バッファーとキャッシュを含む）";
    drift_swapped: "Most swapped", "最大スワップ";
    drift_load: "Load (p95)", "負荷（p95）";
    drift_free_in: "free memory used up in about {from} to {till} days", "あと約 {from}～{till} 日で空きメモリがなくなります";
    drift_free_in_one: "free memory used up in about {till} days", "あと約 {till} 日で空きメモリがなくなります";
    drift_free_now: "free memory used up now", "空きメモリは既にほとんどありません";
    drift_memory_in: "memory exhausted in about {from} to {till} days", "あと約 {from}～{till} 日でメモリが枯渇します";
    drift_memory_in_one: "memory exhausted in about {till} days", "あと約 {till} 日でメモリが枯渇します";
    drift_memory_now: "memory exhausted now", "メモリは既に枯渇しています";
    drift_load_in: "above the {cores} cores in about {from} to {till} days", "あと約 {from}～{till} 日でコア数（{cores}）を超えます";
    drift_load_in_one: "above the {cores} cores in about {till} days", "あと約 {till} 日でコア数（{cores}）を超えます";
    drift_load_now: "above the {cores} cores now", "既にコア数（{cores}）を超えています";

    // Figures, rejects, downloads.
    figures: "Figures of the whole day", "一日全体の統計";
    figures_note: "Over all {n} samples of the log, without missing values.", "ログの全記録（{n} 件）が対象です。欠落値は除きます。";
    column: "Series", "系列";
    unit: "Unit", "単位";
    min: "Min", "最小";
    mean: "Mean", "平均";
    p95: "p95", "p95";
    max: "Max", "最大";
    values_of: "{n} of {rows} values", "値 {n}/{rows} 件";
    values_table: "Values as a table", "数値の表";
    values_every: "One of every {n} samples from {from} to {till}; the CSV has all of them.", "{from} から {till} までの記録を {n} 件ごとに抜粋しました。全件は CSV にあります。";
    values_all: "All samples from {from} to {till}.", "{from} から {till} までの全記録です。";
    no_values: "There are no samples from {from} to {till}.", "{from} から {till} までの記録がありません。";
    time: "Time", "時刻";
    rejects: "Lines that could not be read", "読めない行";
    rejects_gone: "The file with these lines is missing; lines according to the summary: {n}.", "集計ファイルでは {n} 行ですが、一覧のファイルがありません。";
    rejects_bad: "An entry in the file of unreadable lines is invalid and was skipped.", "一覧のファイルに読めない項目があったため、除きました。";
    rejects_first: "The first {shown} of {n}; the download has all of them.", "{n} 行のうち最初の {shown} 行です。残りはダウンロードできます。";
    rejects_counted: "{n} more were counted, but not stored.", "ほか {n} 行は件数のみで、内容は保存していません。";
    line: "Line", "行番号";
    reason: "Reason", "理由";
    text: "Text", "内容";
    bytes: "{n} bytes", "{n} バイト";
    not_text: "not text; shown byte by byte", "テキストではないため、バイト単位で表示";
    cut: "cut after {n} bytes", "先頭 {n} バイトのみ";
    downloads: "Downloads", "ダウンロード";
    download_csv: "Rows (CSV)", "データ（CSV）";
    download_svg: "Chart (SVG)", "グラフ（SVG）";
    download_png: "Chart (PNG)", "グラフ（PNG）";
    download_html: "Stand-alone chart (HTML)", "単独で開けるグラフ（HTML）";
    download_json: "Summary (JSON)", "集計（JSON）";
    download_rejects: "Unreadable lines (JSONL)", "読めない行（JSONL）";
    download_log: "Log as received", "受信したままのログ";
    origin: "Source", "元データ";
    raw_key: "Log", "ログ";
    raw_version: "Version", "バージョン";
    raw_size: "Size", "サイズ";
    raw_sha256: "SHA-256", "SHA-256";
    raw_unread: "not read", "未読";
    analyzed_by: "Analyzed by", "解析プログラム";
    rows: "Rows", "行数";
    cores_one: "{n} core", "{n} コア";
    cores_many: "{n} cores", "{n} コア";

    // Names of the columns.
    c_uptime: "Uptime", "稼働時間";
    c_users: "Users logged in", "ログインユーザー";
    c_load1: "Load average, 1 min", "ロードアベレージ 1 分";
    c_load5: "Load average, 5 min", "ロードアベレージ 5 分";
    c_load15: "Load average, 15 min", "ロードアベレージ 15 分";
    c_r: "Runnable processes", "実行可能プロセス";
    c_b: "Blocked processes", "ブロック中プロセス";
    c_swpd: "Swap used", "スワップ使用量";
    c_free: "Free memory", "空きメモリ";
    c_buff: "Buffers", "バッファー";
    c_cache: "Cache", "キャッシュ";
    c_si: "Swapped in", "スワップイン";
    c_so: "Swapped out", "スワップアウト";
    c_bi: "Blocks read", "ブロック読み込み";
    c_bo: "Blocks written", "ブロック書き込み";
    c_in: "Interrupts", "割り込み";
    c_cs: "Context switches", "コンテキストスイッチ";
    c_us: "CPU, user", "CPU ユーザー";
    c_sy: "CPU, system", "CPU システム";
    c_id: "CPU, idle", "CPU アイドル";
    c_wa: "CPU, waiting for I/O", "CPU I/O 待ち";
    c_st: "CPU, stolen", "CPU スチール";
    u_days: "days", "日";
    u_processes: "processes", "プロセス";
    u_blocks: "blocks/s", "ブロック/秒";
    u_kib_s: "KiB/s", "KiB/秒";
    u_per_s: "per s", "回/秒";
    s_load1: "1 min", "1 分";
    s_load5: "5 min", "5 分";
    s_load15: "15 min", "15 分";
    s_us: "user", "ユーザー";
    s_sy: "system", "システム";
    s_wa: "waiting", "I/O 待ち";
    s_st: "stolen", "スチール";
    s_r: "runnable", "実行可能";
    s_b: "blocked", "ブロック中";
    s_free: "free", "空き";
    s_cache: "cache", "キャッシュ";
    s_buff: "buffers", "バッファー";
    s_swpd: "swapped out", "スワップ使用";
    s_in: "in", "イン";
    s_out: "out", "アウト";
    s_read: "read", "読み込み";
    s_written: "written", "書き込み";

    // The server page.
    days_of: "{n} of {of} days delivered", "{of} 日のうち {n} 日分あり";
    days_not_due: "{n} not due yet", "到着予定前 {n} 日";
    week: "Week", "週";
    month: "Month", "月";
    period: "Period", "期間";
    period_alt: "Load, CPU, memory and samples of {server} by day, {from} to {to}; the table below has the figures.", "{server} の日別の負荷・CPU・メモリ・記録数（{from} ～ {to}）。数値は下の表にあります。";
    week_alt: "Load, CPU, run queue, memory, swap and block I/O of {server}, {from} to {to}; the table below has the figures of each day.", "{server} の負荷・CPU・実行キュー・メモリ・スワップ・ブロック I/O（{from} ～ {to}）。日別の数値は下の表にあります。";
    week_failed: "could not be read now", "今は読めない";
    week_large: "too large to draw", "大きすぎて描けない";
    week_no_rows: "CSV removed", "CSV 削除済み";
    yesterday: "Yesterday", "昨日";
    csv_figures: "Download as CSV", "CSV をダウンロード";
    click_day: "Click a day in the chart to open it.", "グラフの日をクリックすると、その日を開きます。";
    by_day: "By day", "日別";
    day: "Day", "日付";
    samples: "Samples", "記録";
    missing: "Missing", "欠落";
    rejected: "Unreadable", "読めない行";
    reboots: "Reboots", "再起動";
    load_mean: "Load mean", "負荷 平均";
    load_p95: "p95", "p95";
    load_max: "Max", "最大";
    cpu_busy: "CPU busy", "CPU 使用率";
    free_min: "Least free", "最小空きメモリ";
    swapped_max: "Most swapped", "最大スワップ";
    compare_with: "Compare with", "比較相手";
    compare_day: "on", "比較する日";

    // Comparing.
    compare_title: "Compare servers", "サーバー比較";
    compare_hint: "Up to {n} servers of one day, one below the other, with the same hours and the same scale of load.", "同じ日・同じ時間帯・同じ負荷の目盛りで、最大 {n} 台を上下に並べます。";
    compare_zones: "These servers are in different time zones: the same hour in two charts is not the same moment.", "サーバーのタイムゾーンが異なります。グラフの同じ時刻は、同じ瞬間ではありません。";
    remove: "Remove {server}", "{server} を外す";
    compare_none: "No servers selected. Add one by its name.", "サーバーが選ばれていません。名前を入力して追加してください。";
    compare_full: "{n} servers are shown, which is the maximum.", "上限の {n} 台を表示しています。";

    // Logging in.
    login: "Log in", "ログイン";
    login_hint: "Paste the token from DATA-DIR/dashboard-token, or open the one-time link printed at start-up.", "データフォルダーの dashboard-token にあるトークンを貼り付けるか、起動時に表示される 1 回限りのリンクを開いてください。";
    token: "Access token", "アクセストークン";

    login_wrong_token: "Wrong access token.", "アクセストークンが違います。";
    login_spent_link: "This link was already used or has expired. Log in with the access token.", "このリンクは使用済みか、期限切れです。アクセストークンでログインしてください。";
    login_too_many: "Too many attempts from this address. Wait a minute, then try again.", "このアドレスからの試行が多すぎます。1 分ほど待ってから再試行してください。";
    login_foreign: "The form was sent from another site. Log in here.", "別サイトのページから送信されました。この画面からログインしてください。";
    login_no_token: "A token file cannot be used; see the server log.", "アクセストークンのファイルを使えません。理由はサーバーのログにあります。";

    // Errors.
    not_found: "Not found", "見つかりません";
    not_found_page: "This page does not exist.", "このページはありません。";
    not_found_server: "No server named {server} has delivered a log.", "サーバー {server} からのログはありません。";
    not_found_file: "This day has no such file.", "この日にそのファイルはありません。";
    bad_request: "Invalid address", "アドレスに誤りがあります";
    bad_date: "{given} is not a date. Write YYYY-MM-DD, MM-DD, yesterday or -7d.", "{given} は日付ではありません。YYYY-MM-DD、MM-DD、yesterday（昨日）、-7d のどれかで指定してください。";
    bad_server: "{given} is not a server name: use letters, digits, '-', '.' and '_'.", "{given} はサーバー名ではありません。使えるのは英数字と '-'、'.'、'_' です。";
    bad_number: "{given} is out of range: give a whole number from {least} to {most}.", "{given} は指定できません。{least} から {most} までの整数を指定してください。";
    bad_choice: "{given} is not one of: {known}.", "{given} は指定できません。使える値：{known}。";
    bad_time: "{given} is not a time of day. Write it as HH:MM, at most 24:00.", "{given} は時刻ではありません。HH:MM（24:00 まで）の形式で指定してください。";
    bad_window: "The end ({till}) must be after the start ({from}).", "終了（{till}）は開始（{from}）より後にしてください。";
    bad_series: "{given} is not the name of a series.", "{given} という系列はありません。";
    bad_length: "{given} is none of 30, 60 and 90 days.", "{given} は 30・60・90 のいずれでもありません。";
    bad_view: "{given} is neither week nor month.", "{given} は week でも month でもありません。";
    bad_query: "The query string is not valid UTF-8.", "クエリ文字列が UTF-8 ではありません。";
    bad_method: "This address only supports GET and HEAD.", "このアドレスは GET と HEAD だけに応答します。";
    method_not_allowed: "Not allowed", "許可されていません";
    failed: "The store does not respond", "保存先が応答しません";
    failed_hint: "Try again later.", "しばらくしてから再試行してください。";
    internal: "The page could not be created", "ページを作成できませんでした";
    back_to_calendar: "Back to the calendar", "カレンダーへ戻る";
}
