//! The texts: name, English, Japanese.

use log2aws_core::chart::Language;

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

words! {
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
    search_hint: "part of a name, or web*", "名前の一部、または web*";
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
    calendar_caption: "Samples by server and day, {from} to {to}", "サーバー・日別の記録数（{from} ～ {to}）";
    calendar_region: "Calendar table; scrolls sideways. The arrow keys move from cell to cell.", "カレンダー表。横スクロールできます。矢印キーでセル間を移動します。";
    skip_table: "Skip to the table", "表へ移動";
    skip_past_table: "Skip the table", "表を飛ばす";
    legend: "Legend", "凡例";
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
    cell_unknown: "missing, cause unknown", "欠落（原因不明）";
    cell_loading: "not scanned yet", "未確認";

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

    // The day page.
    day_title: "{server} on {day}", "{server} の {day}";
    zone: "Time zone {zone}", "タイムゾーン {zone}";
    zone_unknown: "Time zone unknown", "タイムゾーン不明";
    previous_day: "Previous day", "前の日";
    next_day: "Next day", "次の日";
    other_days: "Other days", "ほかの日";
    state: "State", "状態";
    chart: "Load chart", "負荷グラフ";
    chart_alt: "Load chart of {server} on {day}. {description}", "{server}、{day} の負荷グラフ。{description}";
    zoom_from: "From", "開始";
    zoom_till: "To", "終了";
    zoom_apply: "Show", "表示";
    zoom_whole: "Whole day", "一日全体";
    zoom_back: "Earlier hours", "前の時間帯";
    zoom_on: "Later hours", "後の時間帯";
    zoom_hint: "Drag across the chart to zoom in. Keyboard: arrow keys move the pointer, + and - zoom, 0 shows the whole day.", "グラフをドラッグすると拡大します。キーボード：矢印キーで移動、+ と - で拡大と縮小、0 で一日全体。";
    series: "Series", "系列";
    group_load: "Load average", "ロードアベレージ";
    group_cpu: "CPU", "CPU";
    group_queue: "Run queue", "実行キュー";
    group_memory: "Memory", "メモリ";
    group_swap: "Swap", "スワップ";
    group_blocks: "Block I/O", "ブロック I/O";

    complete: "Complete: {expected} of {expected} samples, one every {every}.", "記録がそろっています。{every}間隔で {expected} 件です。";
    taken: "The log was delivered at {at}; the other {n} samples of the day were not due yet.", "このログは {at} に届きました。その後の {n} 件はまだ記録の時刻前でした。";
    surplus: "There are {n} more samples than one every {every}. Either two programs write this log (cron beside the service?), or lines were written twice.", "{every}に 1 件より {n} 件多く記録があります。2 つのプログラムが書き込んでいる（サービスと cron など）か、行が二重に書かれています。";
    stopped: "The log was not read to the end: reading stopped at line {line}. Reason:", "ログを最後まで読めませんでした。{line} 行目で読み取りを止めました。理由：";
    incomplete: "{samples} of {expected} samples, {missing} missing; interval {every}.", "{expected} 件のうち {samples} 件の記録があります（{every}間隔）。欠落は {missing} 件です。";
    nothing_read: "The log contains no samples of this day.", "このログには、この日の記録がありません。";
    minutes: "{n} min", "{n} 分";
    seconds: "{n} s", "{n} 秒";
    gap_off: "Off {from}–{till} ({n} missing).", "{from}～{till}：マシンは停止していました（欠落 {n} 件）。";
    gap_starting: "Starting up {from}–{till} ({n} missing).", "{from}～{till}：マシンは起動の途中でした（欠落 {n} 件）。";
    gap_unreadable_one: "{from}: the line could not be read.", "{from}：行を読めませんでした。";
    gap_unreadable_many: "{n} lines could not be read, {from}–{till}.", "{from}～{till}：{n} 行を読めませんでした。";
    gap_running: "No samples {from}–{till} although the machine ran ({n} missing).", "{from}～{till}：マシンは稼働していましたが、記録がありません（欠落 {n} 件）。";
    gap_unknown: "No samples {from}–{till} ({n} missing), cause unknown.", "{from}～{till}：記録がなく、原因は分かりません（欠落 {n} 件）。";
    gaps_more_one: "{n} more gap is not listed here; see the summary.", "ほか {n} 件の欠落は省略しました。集計ファイルにあります。";
    gaps_more_many: "{n} more gaps are not listed here; see the summary.", "ほか {n} 件の欠落は省略しました。集計ファイルにあります。";
    reboot: "Booted at {at}; first sample at {seen}.", "{at} に起動しました。起動後の最初の記録は {seen} です。";
    reboots_more_one: "{n} more reboot is not listed here.", "ほか {n} 回の再起動は省略しました。";
    reboots_more_many: "{n} more reboots are not listed here.", "ほか {n} 回の再起動は省略しました。";
    rejects_one: "{n} line could not be read; it is listed below.", "読めない行が {n} 行あります。下に一覧があります。";
    rejects_many: "{n} lines could not be read; they are listed below.", "読めない行が {n} 行あります。下に一覧があります。";
    clock_steps_one: "The clock went back {n} time; rows are in the order of the log.", "時計が {n} 回戻りました。行はログの順のままです。";
    clock_steps_many: "The clock went back {n} times; rows are in the order of the log.", "時計が {n} 回戻りました。行はログの順のままです。";
    other_rows_one: "{n} row belongs to another day: it is in the CSV, but not in the chart.", "別の日の行が {n} 行あります。CSV には含まれますが、グラフには描きません。";
    other_rows_many: "{n} rows belong to another day: they are in the CSV, but not in the chart.", "別の日の行が {n} 行あります。CSV には含まれますが、グラフには描きません。";
    day_length: "The clock changes on this day: it has {hours} hours.", "この日は時刻の切り替えがあり、{hours} 時間あります。";
    zone_bad: "The time zone {zone} is unknown; a day of 24 hours is assumed.", "タイムゾーン {zone} はデータベースにありません。24 時間の日として扱います。";
    since_boot: "CPU, swap and block I/O are averages since boot: the log does not say that they are averages over the interval.", "CPU・スワップ・ブロック I/O は起動時からの平均です（ログに区間値との記載がありません）。";
    since_boot_unknown: "Without the summary it is unknown whether CPU, swap and block I/O are averages over the interval or since boot; they are shown as averages since boot.", "集計ファイルがないため、CPU・スワップ・ブロック I/O が区間値か起動時からの平均か分かりません。起動時からの平均として表示します。";
    modes_change: "From {at} the averages are {mode}.", "{at} からの平均値は{mode}です。";
    mode_interval: "over the interval", "区間値";
    mode_since_boot: "since boot", "起動時からの平均";
    guests: "Guests took up to {n} % of the CPU. The CSV has no column for it; the chart adds it to user.", "ゲスト VM の CPU 使用は最大 {n} % です。CSV に列がないため、グラフではユーザーに含めています。";
    impossible_one: "{at}: {column} has a value that cannot be a measurement. It is in the CSV as it was written, and in no figure and no chart.", "{at}：{column} に測定値としてありえない値があります。CSV には書かれたまま残し、数値とグラフからは除いています。";
    impossible_many: "{n} samples, the first at {at} ({column}), have values that cannot be measurements. They are in the CSV as they were written, and in no figure and no chart.", "測定値としてありえない値を含む記録が {n} 件あります（最初は {at} の {column}）。CSV には書かれたまま残し、数値とグラフからは除いています。";
    refused: "The newest delivery was refused and has no results.", "最新のログは受け付けませんでした。結果はありません。";
    replaced: "This day was replaced: its newest version differs from the previous one. It was sent from {source}.", "この日のログは置き換えられました。最新版は前の版と内容が異なります。送信元：{source}。";
    replaced_before: "This day was replaced before: an earlier version differs from the one before it.", "この日のログは以前に置き換えられました。前の版と内容が異なる版があります。";
    reopened: "An operator reopened this day for one more delivery ({by}, {at}). Reason:", "管理者がこの日の再受付を許可しました（{by}、{at}）。異なる内容を 1 回だけ受け付けます。理由：";
    reopened_used: "An operator reopened this day for one more delivery ({by}, {at}), which has arrived. Reason:", "管理者がこの日の再受付を許可し（{by}、{at}）、その配送が届きました。理由：";
    reopened_earlier: "reopened before", "以前の再受付の許可";
    reopening_unreadable: "The record of the reopening of this day cannot be read:", "この日の再受付の許可の記録を読めません：";
    refusals_one: "{n} upload for this day was refused and changed nothing; the last came from {source}:", "この日のログの送信を {n} 件受け付けませんでした。結果は変わっていません。最後の送信元：{source}。理由：";
    refusals_many: "{n} uploads for this day were refused and changed nothing; the last came from {source}:", "この日のログの送信を {n} 件受け付けませんでした。結果は変わっていません。最後の送信元：{source}。理由：";
    refusals_unreadable: "The list of refused versions cannot be read:", "受け付けなかった版の一覧を読めません：";
    source_unknown: "an unknown address", "不明";
    source_operator: "{source} (with an operator's permissions)", "{source}（管理者の権限）";
    raw_source: "Sent from", "送信元";
    raw_versions: "Versions", "版の数";
    raw_earlier: "Previous version", "前の版";
    version_first: "the first", "最初の版";
    version_same: "same content as before", "前の版と同じ内容";
    version_grew: "continues the previous one", "前の版の続き";
    version_replaced: "different content", "前の版と異なる内容";
    version_unknown: "not compared", "比較していない";
    summary_unreadable: "The summary cannot be read: {why}. The following was calculated from the CSV.", "集計ファイルを読めません（{why}）。以下は CSV から計算した値です。";
    summary_unreadable_alone: "The summary cannot be read: {why}. There is no CSV either.", "集計ファイルを読めません（{why}）。CSV もありません。";
    summary_absent: "There is no summary: the analysis is not finished, or the summary was deleted. The following was calculated from the CSV.", "集計ファイルがありません。解析が終わっていないか、削除されています。以下は CSV から計算した値です。";
    why_newer: "written by a newer program, in format {format}", "新しいバージョンのプログラムの形式 {format} です";
    why_json: "incomplete or damaged", "書きかけか、壊れています";
    csv_absent: "The CSV was removed, by age or by hand, so there is no chart. The figures are from the summary.", "CSV が（保存期間を過ぎたか手作業で）削除されたためグラフを表示できません。数値は集計ファイルのものです。";
    csv_short: "The CSV has {found} of the {named} rows given in the summary: it is incomplete, or being replaced. The existing rows are shown.", "CSV は {found} 行ですが、集計ファイルでは {named} 行です。書きかけか、置き換え中です。ある分だけを表示しています。";
    csv_large: "The CSV is too large to show here; it can be downloaded.", "CSV が大きすぎるため表示できません。ダウンロードはできます。";
    csv_row: "Line {line} of the CSV:", "CSV の {line} 行目：";
    csv_missing: "The CSV lacks these columns; they are shown as empty:", "CSV に次の列がありません。空欄として表示します：";
    csv_unknown: "The CSV has unknown columns; they are ignored:", "CSV に未知の列があります。読み飛ばします：";
    csv_no_header: "The CSV has no header; its first line is read as a row.", "CSV に見出し行がありません。最初の行をデータとして読みます。";
    csv_faults_more_one: "{n} more problem of the CSV is not listed here.", "CSV の問題はほかに {n} 件あります。";
    csv_faults_more_many: "{n} more problems of the CSV are not listed here.", "CSV の問題はほかに {n} 件あります。";
    store_failed: "The store could not be read.", "保存先を読めませんでした。";
    day_empty: "No results for this day.", "この日の結果はありません。";
    nearest_before: "Nearest earlier day with results: {day}", "結果のある直前の日：{day}";
    nearest_after: "Nearest later day with results: {day}", "結果のある直後の日：{day}";

    // Figures, rejects, downloads.
    figures: "Figures of the day", "一日の統計";
    figures_note: "Over all rows of the log, without missing values.", "ログの全行が対象です。欠落値は除きます。";
    column: "Series", "系列";
    unit: "Unit", "単位";
    min: "Min", "最小";
    mean: "Mean", "平均";
    p95: "p95", "p95";
    max: "Max", "最大";
    values: "Values", "件数";
    values_table: "Values as a table", "数値の表";
    values_every: "One of every {n} samples in this period; the CSV has all of them.", "表示範囲から {n} 件ごとに抜粋しました。全件は CSV にあります。";
    values_all: "All samples in this period.", "表示範囲の全記録です。";
    no_values: "There are no samples in this period.", "表示範囲に記録がありません。";
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
    week: "Week", "週";
    month: "Month", "月";
    period: "Period", "期間";
    period_alt: "Load, CPU, memory and block I/O of {server} by day, {from} to {to}; the table below has the figures.", "{server} の日別の負荷・CPU・メモリ・ブロック I/O（{from} ～ {to}）。数値は下の表にあります。";
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
    compare_hint: "Compare up to {n} servers on one day.", "同じ日・同じ時間帯で、最大 {n} 台を上下に並べます。";
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
    bad_date: "{given} is not a date. Write it as YYYY-MM-DD.", "{given} は日付ではありません。YYYY-MM-DD の形式で指定してください。";
    bad_server: "{given} is not a server name: use letters, digits, '-', '.' and '_'.", "{given} はサーバー名ではありません。使えるのは英数字と '-'、'.'、'_' です。";
    bad_number: "{given} is not in the range {least} to {most}.", "{given} は {least} から {most} までの数ではありません。";
    bad_time: "{given} is not a time of day. Write it as HH:MM, at most 24:00.", "{given} は時刻ではありません。HH:MM（24:00 まで）の形式で指定してください。";
    bad_window: "The end ({till}) must be after the start ({from}).", "終了（{till}）は開始（{from}）より後にしてください。";
    bad_series: "{given} is not the name of a series.", "{given} という系列はありません。";
    bad_view: "{given} is neither week nor month.", "{given} は week でも month でもありません。";
    bad_query: "The query string is not valid UTF-8.", "クエリ文字列が UTF-8 ではありません。";
    bad_method: "This address only supports GET and HEAD.", "このアドレスは GET と HEAD だけに応答します。";
    method_not_allowed: "Not allowed", "許可されていません";
    failed: "The store does not respond", "保存先が応答しません";
    failed_hint: "Try again later.", "しばらくしてから再試行してください。";
    internal: "The page could not be created", "ページを作成できませんでした";
    back_to_calendar: "Back to the calendar", "カレンダーへ戻る";
}
