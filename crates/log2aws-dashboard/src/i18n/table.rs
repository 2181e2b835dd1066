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
    shown_from: "Shown from {source}", "表示元：{source}";
    viewer: "Logged in with the token {token}", "トークン {token} でログイン中";
    viewer_reads: "Logged in with the token {token} (read-only)", "トークン {token}（閲覧のみ）でログイン中";
    updated: "Updated.", "更新しました。";
    live_lost: "Live updates are interrupted; this page asks again every 30 seconds.", "自動更新が途切れています。30 秒ごとに確認します。";
    kind_ok: "In order:", "正常：";
    kind_note: "Note:", "情報：";
    kind_warn: "Attention:", "注意：";
    kind_bad: "Trouble:", "異常：";

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
    troubled_none: "nothing wrong in these days", "この期間に異常なし";
    troubled_one: "{n} with something wrong in these days", "この期間に異常 {n} 台";
    troubled_many: "{n} with something wrong in these days", "この期間に異常 {n} 台";
    matching: "matching the search: {n}", "検索に一致 {n} 台";
    loading: "Looking through the store: {listed} objects seen, {read} days read so far.", "保存先を確認しています：オブジェクト {listed} 件を確認、{read} 日分を読み込み済み。";
    unreadable_one: "{n} stored object could not be read or removed in the last day. The others are not affected.", "過去 1 日に {n} 件のファイルを読み取りまたは削除できませんでした。ほかのファイルに影響はありません。";
    unreadable_many: "{n} stored objects could not be read or removed in the last day. The others are not affected.", "過去 1 日に {n} 件のファイルを読み取りまたは削除できませんでした。ほかのファイルに影響はありません。";
    retention_paused: "Nothing is removed by age, because no log of the last day bears this machine's clock out. Check the clock. If it is right and deliveries have ended, start serve with --retention-trust-clock.", "直近 1 日のログがなく、このマシンの時計が正しいと確かめられないため、古いデータの削除を止めています。時計を確認してください。時計が正しく、ログの送信が終わっているのなら、--retention-trust-clock を付けて serve を起動してください。";
    load_failed: "The store could not be looked through; what is shown was known before.", "保存先を確認できませんでした。以前に確認した内容を表示しています。";
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
    say_lens_free: "least free memory of the day, without buffers and cache", "その日の空きメモリの最小値（バッファとキャッシュは含みません）";
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
    sort_lens: "By {lens}", "{lens}順";
    arrived: "{n} arrived", "到着 {n}";
    arrived_head: "arrived", "到着数";
    not_yet: "{n} not yet (due {at})", "未到着 {n}（期限 {at}）";
    silent_one: "{n} silent since {day}", "途絶 {n}（最終 {day}）";
    silent_many: "{n} silent, the longest since {day}", "途絶 {n}（最も古い最終日 {day}）";
    missing_n: "{n} missing", "欠落 {n}";
    off_n: "{n} off", "停止 {n}";
    no_server_yet: "no server known on that day", "この日に既知のサーバーなし";
    missing_on: "Servers without results of {day}:", "{day} の結果がないサーバー：";
    none_missing: "No server is missing on {day}.", "{day} に欠けているサーバーはありません。";
    none_troubled_yet: "No server has a problem in these days so far.", "この期間に異常のあるサーバーは、今のところありません。";
    compare_chosen: "Compare the selected servers", "選んだサーバーを比較";
    compare_one: "Compare {server}", "{server} を比較";
    reboots_here_many: "{n} reboots", "再起動 {n} 回";
    reboots_problem: "{n} reboots in these days; three or more count as a problem.", "この期間に {n} 回再起動しています。3 回以上は異常として扱います。";
    troubled_only: "Only with something wrong", "異常のあるものだけ";
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
    server: "Server", "サーバー";
    no_servers: "No server has delivered a log so far.", "ログを届けたサーバーはまだありません。";
    no_servers_next: "As soon as the first day log arrives, its server stands here.", "最初の日次ログが届くと、ここにサーバーが表示されます。";
    nothing_so_far: "No server has been found so far; the store is still being looked through.", "まだサーバーは見つかっていません。保存先を確認中です。";
    none_matching: "No server matches. Search for less, or show all.", "一致するサーバーがありません。検索語を短くするか、すべて表示してください。";
    none_troubled: "No server has anything wrong in these days.", "この期間に異常のあるサーバーはありません。";
    show_all: "Show all servers", "すべてのサーバーを表示";

    // Cells: short texts for the table.
    cell_complete: "complete", "完全";
    cell_missing: "{n} missing", "欠落 {n}";
    cell_off: "{n} missing while it was off", "停止中 {n}";
    cell_rejects_one: "{n} unreadable line", "読めない行 {n}";
    cell_rejects_many: "{n} unreadable lines", "読めない行 {n}";
    cell_reboots_one: "{n} reboot", "再起動 {n}";
    cell_reboots_many: "{n} reboots", "再起動 {n}";
    cell_of: "{samples} of {expected} samples", "記録 {samples}/{expected} 件";
    cell_refused: "refused", "受付拒否";
    cell_unreadable: "summary unreadable", "集計が読めない";
    cell_not_due: "not due yet", "到着予定前";
    cell_not_yet_known: "before the first delivery", "初回到着より前";
    cell_off_day: "was off", "停止していた";
    cell_ran: "missing though it ran", "稼働中なのに欠落";
    cell_silent: "nothing has come since", "以後何も届いていない";
    cell_silent_since: "silent since {day}", "{day} を最後に途絶";
    cell_incomplete: "incomplete", "欠けあり";
    cell_unknown: "missing, cause unknown", "欠落（原因不明）";
    cell_loading: "not looked through yet", "未確認";

    // Cells: whole sentences, for the legend and the page of such a day.
    say_complete: "Every sample is there and every line was read.", "すべての記録がそろい、すべての行を読めました。";
    say_off: "Samples are missing; the machine was off then.", "欠落がありますが、その間マシンは停止していました。";
    say_rejects: "Some lines could not be read.", "読めない行があります。";
    say_gaps: "Samples are missing though the machine ran, or nobody knows whether it did.", "欠落があります。マシンは稼働していたか、稼働していたか不明です。";
    say_refused: "A log came from an address off the allow-list and was refused.", "許可リストにないアドレスからログが届いたため、受け付けませんでした。";
    say_unreadable: "The summary cannot be read.", "集計ファイルを読めません。";
    say_not_due: "The log is not due yet: the day is not over, or its log has not been sent so far.", "ログの到着予定前です。この日がまだ終わっていないか、まだ送信されていません。";
    say_not_yet_known: "Nothing had come from this server before.", "このサーバーからは、これ以前に何も届いていません。";
    say_off_day: "The machine was off, or was started since: the uptime of the next sample does not reach back to this day.", "マシンは停止していたか、その後に起動しています。次の記録の稼働時間がこの日まで届きません。";
    say_ran: "The machine ran: uptime kept growing over this day. Its samples or the upload are missing.", "マシンは稼働していました（稼働時間が増え続けています）。記録の採取か送信が欠けています。";
    say_silent: "Nothing has come from this server since, so nothing tells why.", "以後このサーバーから何も届いていないため、原因は分かりません。";
    say_unknown: "Nothing stands of this day, and the days beside it do not tell their uptimes.", "この日の結果がなく、前後の日からも稼働時間が分かりません。";
    say_loading: "The store has not been looked through so far; this day may be there.", "保存先をまだ確認しきれていません。この日の結果がある可能性もあります。";

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
    zoom_hint: "Drag across the chart to zoom in; with the keyboard: arrows, +, - and 0.", "グラフをドラッグすると拡大します。キーボードでは矢印、+、-、0。";
    series: "Series", "系列";
    group_load: "Load average", "ロードアベレージ";
    group_cpu: "CPU", "CPU";
    group_queue: "Run queue", "実行キュー";
    group_memory: "Memory", "メモリ";
    group_swap: "Swap", "スワップ";
    group_blocks: "Block I/O", "ブロック I/O";

    complete: "The log is complete: {expected} samples, one every {every}.", "ログは完全です。{every}間隔で {expected} 件の記録があります。";
    taken: "The log was delivered at {at}; {n} samples of the day were not due yet.", "このログは {at} に届きました。その後の {n} 件はまだ記録の時刻前でした。";
    surplus: "There are {n} samples more than one every {every}. Two writers write this log (cron beside the service?), or lines were written twice.", "{every}に 1 件より {n} 件多く記録があります。2 つのプログラムが書き込んでいる（サービスと cron など）か、行が二重に書かれています。";
    stopped: "The log was not read to its end: reading stopped at line {line}. Reason:", "ログを最後まで読めませんでした。{line} 行目で読み取りを止めました。理由：";
    incomplete: "{samples} of {expected} samples, {missing} missing; interval {every}.", "{expected} 件のうち {samples} 件の記録があります（{every}間隔）。欠落は {missing} 件です。";
    nothing_read: "The log holds no sample of this day.", "このログには、この日の記録がありません。";
    minutes: "{n} min", "{n} 分";
    seconds: "{n} s", "{n} 秒";
    gap_off: "From {from} to {till} the machine was off: {n} missing.", "{from}～{till}：マシンは停止していました（欠落 {n} 件）。";
    gap_starting: "From {from} to {till} the machine was starting: {n} missing.", "{from}～{till}：マシンは起動中でした（欠落 {n} 件）。";
    gap_unreadable_one: "{from}: the line could not be read.", "{from}：行を読めませんでした。";
    gap_unreadable_many: "From {from} to {till} {n} lines could not be read.", "{from}～{till}：{n} 行を読めませんでした。";
    gap_running: "From {from} to {till} the machine ran, but there are no samples: {n} missing.", "{from}～{till}：マシンは稼働していましたが、記録がありません（欠落 {n} 件）。";
    gap_unknown: "From {from} to {till} there are no samples; the cause is unknown: {n} missing.", "{from}～{till}：記録がなく、原因は分かりません（欠落 {n} 件）。";
    gaps_more_one: "{n} more gap is not listed here; the summary names it.", "ほか {n} 件の欠落は省略しました。集計ファイルにあります。";
    gaps_more_many: "{n} more gaps are not listed here; the summary names them.", "ほか {n} 件の欠落は省略しました。集計ファイルにあります。";
    reboot: "The machine was started at {at}; the first sample after it is of {seen}.", "{at} に起動しました。起動後の最初の記録は {seen} です。";
    reboots_more_one: "{n} more reboot is not listed here.", "ほか {n} 回の再起動は省略しました。";
    reboots_more_many: "{n} more reboots are not listed here.", "ほか {n} 回の再起動は省略しました。";
    rejects_one: "{n} line could not be read; it is listed below.", "読めない行が {n} 行あります。下に一覧があります。";
    rejects_many: "{n} lines could not be read; they are listed below.", "読めない行が {n} 行あります。下に一覧があります。";
    clock_steps_one: "The clock went back {n} time: rows stand in the order of the log.", "時計が {n} 回戻りました。行はログの順のままです。";
    clock_steps_many: "The clock went back {n} times: rows stand in the order of the log.", "時計が {n} 回戻りました。行はログの順のままです。";
    rounded_one: "{n} row has numbers that vmstat of BusyBox rounded (k, m, g).", "BusyBox の vmstat が丸めた値 (k、m、g) を含む行が {n} 行あります。";
    rounded_many: "{n} rows have numbers that vmstat of BusyBox rounded (k, m, g).", "BusyBox の vmstat が丸めた値 (k、m、g) を含む行が {n} 行あります。";
    nul_bytes_one: "{n} zero byte before a line was skipped; a power cut leaves such bytes.", "行の前のゼロバイト {n} 個を読み飛ばしました。停電で残ることがあります。";
    nul_bytes_many: "{n} zero bytes before lines were skipped; a power cut leaves such bytes.", "行の前のゼロバイト {n} 個を読み飛ばしました。停電で残ることがあります。";
    padding_one: "{n} zero byte behind the gzip data was ignored.", "gzip データの後のゼロバイト {n} 個を無視しました。";
    padding_many: "{n} zero bytes behind the gzip data were ignored.", "gzip データの後のゼロバイト {n} 個を無視しました。";
    other_rows_one: "{n} row is of another day: it is in the CSV, but not in the chart.", "別の日の行が {n} 行あります。CSV には含まれますが、グラフには描きません。";
    other_rows_many: "{n} rows are of another day: they are in the CSV, but not in the chart.", "別の日の行が {n} 行あります。CSV には含まれますが、グラフには描きません。";
    day_length: "The clock is changed on this day: it has {hours} hours.", "この日は時刻の切り替えがあり、{hours} 時間あります。";
    zone_bad: "The time zone {zone} is not in the database; a day of 24 hours is assumed.", "タイムゾーン {zone} はデータベースにありません。24 時間の日として扱います。";
    since_boot: "CPU, swap and block I/O are averages since boot, not of the moment: the log does not say that they are of the interval.", "CPU・スワップ・ブロック I/O は瞬間値ではなく、起動以来の平均です（ログに区間値との記載がありません）。";
    since_boot_unknown: "Without the summary it is not known whether CPU, swap and block I/O are averages of the interval or since boot; they are shown as the latter.", "集計ファイルがないため、CPU・スワップ・ブロック I/O が区間値か起動以来の平均か分かりません。後者として表示します。";
    modes_change: "From {at} on the averages are {mode}.", "{at} からの平均値は{mode}です。";
    mode_interval: "of the interval", "区間値";
    mode_since_boot: "since boot", "起動以来の平均";
    guests: "Guests took up to {n} % of the CPU. The CSV has no column for it; the chart adds it to user.", "ゲスト VM の CPU 使用は最大 {n} % です。CSV に列がないため、グラフではユーザーに含めています。";
    impossible_one: "{at}: {column} has a value that cannot be a measurement. It is in the CSV as it was written, and in no figure and no chart.", "{at}：{column} に測定値としてありえない値があります。CSV には書かれたまま残し、数値とグラフからは除いています。";
    impossible_many: "{n} samples, the first at {at} ({column}), have values that cannot be measurements. They are in the CSV as they were written, and in no figure and no chart.", "測定値としてありえない値を含む記録が {n} 件あります（最初は {at} の {column}）。CSV には書かれたまま残し、数値とグラフからは除いています。";
    refused: "The newest delivery was refused; there are no results of it.", "最新のログは受け付けませんでした。結果はありません。";
    replaced: "This day was replaced: its newest version has other bytes than the one before. It was put from {source}.", "この日のログは置き換えられました。最新版は前の版と内容が異なります。送信元：{source}。";
    replaced_before: "This day was replaced before: an earlier version has other bytes than the one before it.", "この日のログは以前に置き換えられました。前の版と内容が異なる版があります。";
    reopened: "An operator reopened this day for one more delivery ({by}, {at}). Reason:", "管理者がこの日の再受付を許可しました（{by}、{at}）。異なる内容を 1 回だけ受け付けます。理由：";
    reopened_used: "An operator reopened this day for one more delivery ({by}, {at}), which has arrived. Reason:", "管理者がこの日の再受付を許可し（{by}、{at}）、その配送が届きました。理由：";
    reopened_earlier: "reopened before", "以前の再受付の許可";
    reopening_unreadable: "The record with which an operator reopened this day cannot be read:", "この日の再受付の許可の記録を読めません：";
    refusals_one: "{n} put of this day was refused and changed nothing; the last came from {source}:", "この日のログの送信を {n} 件受け付けませんでした。結果は変わっていません。最後の送信元：{source}。理由：";
    refusals_many: "{n} puts of this day were refused and changed nothing; the last came from {source}:", "この日のログの送信を {n} 件受け付けませんでした。結果は変わっていません。最後の送信元：{source}。理由：";
    refusals_unreadable: "The list of refused versions cannot be read:", "受け付けなかった版の一覧を読めません：";
    source_unknown: "an unknown address", "不明";
    source_operator: "{source} (an operator's own rights)", "{source}（管理者の権限）";
    raw_source: "Put from", "送信元";
    raw_versions: "Versions", "版の数";
    raw_earlier: "Version before", "前の版";
    version_first: "the first", "最初の版";
    version_same: "same bytes as before", "前の版と同じ内容";
    version_grew: "goes on from the one before", "前の版の続き";
    version_replaced: "other bytes than before", "前の版と異なる内容";
    version_unknown: "not compared", "比較していない";
    summary_unreadable: "The summary cannot be read: {why}. What follows was worked out from the CSV.", "集計ファイルを読めません（{why}）。以下は CSV から計算した値です。";
    summary_unreadable_alone: "The summary cannot be read: {why}. There is no CSV either.", "集計ファイルを読めません（{why}）。CSV もありません。";
    summary_absent: "There is no summary, so the analysis is not finished, or the summary was deleted. What follows was worked out from the CSV.", "集計ファイルがありません。解析が終わっていないか、削除されています。以下は CSV から計算した値です。";
    why_newer: "a newer program wrote it, in format {format}", "新しいバージョンのプログラムの形式 {format} です";
    why_json: "it is half-written or damaged", "書きかけか、壊れています";
    csv_absent: "The CSV is gone, by age or by hand, so there is no chart. The figures are those of the summary.", "CSV が(保存期間を過ぎたか手作業で)削除されたためグラフを表示できません。数値は集計ファイルのものです。";
    csv_short: "The CSV has {found} of the {named} rows that the summary names: it is half-written, or just being replaced. What is there is shown.", "CSV は {found} 行ですが、集計ファイルでは {named} 行です。書きかけか、置き換え中です。ある分だけを表示しています。";
    csv_large: "The CSV is too large to be shown here; it can be downloaded.", "CSV が大きすぎるため表示できません。ダウンロードはできます。";
    csv_row: "Line {line} of the CSV:", "CSV の {line} 行目：";
    csv_missing: "The CSV lacks these columns; their cells are shown as empty:", "CSV に次の列がありません。空欄として表示します：";
    csv_unknown: "The CSV has columns that are not ours; they are left out:", "CSV に未知の列があります。読み飛ばします：";
    csv_no_header: "The CSV has no header; its first line is read as a row.", "CSV に見出し行がありません。最初の行をデータとして読みます。";
    csv_faults_more_one: "{n} more fault of the CSV is not listed here.", "CSV の問題はほかに {n} 件あります。";
    csv_faults_more_many: "{n} more faults of the CSV are not listed here.", "CSV の問題はほかに {n} 件あります。";
    store_failed: "The store could not be read.", "保存先を読めませんでした。";
    day_empty: "Nothing stands of this day.", "この日の結果はありません。";
    nearest_before: "Nearest earlier day with results: {day}", "結果のある直前の日：{day}";
    nearest_after: "Nearest later day with results: {day}", "結果のある直後の日：{day}";

    // Figures, rejects, downloads.
    figures: "Figures of the day", "一日の統計";
    figures_note: "Over all rows of the log; missing values are left out.", "ログの全行が対象です。欠落値は除きます。";
    column: "Series", "系列";
    unit: "Unit", "単位";
    min: "Min", "最小";
    mean: "Mean", "平均";
    p95: "p95", "p95";
    max: "Max", "最大";
    values: "Values", "件数";
    values_table: "Values as a table", "数値の表";
    values_every: "One sample of every {n} in the time shown; the CSV has them all.", "表示範囲から {n} 件ごとに抜粋しました。全件は CSV にあります。";
    values_all: "All samples of the time shown.", "表示範囲の全記録です。";
    no_values: "There are no samples in the time shown.", "表示範囲に記録がありません。";
    time: "Time", "時刻";
    rejects: "Lines that could not be read", "読めない行";
    rejects_gone: "The file with these lines is gone; the summary counts them: {n}.", "集計ファイルでは {n} 行ですが、一覧のファイルがありません。";
    rejects_bad: "An entry of the file of rejects is not readable and is left out.", "一覧のファイルに読めない項目があったため、除きました。";
    rejects_first: "The first {shown} of {n}; the rest can be downloaded.", "{n} 行のうち最初の {shown} 行です。残りはダウンロードできます。";
    rejects_counted: "Counted, but not kept: {n} more.", "ほか {n} 行は件数のみで、内容は保存していません。";
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
    download_html: "Chart to pass on (HTML)", "配布用グラフ（HTML）";
    download_json: "Summary (JSON)", "集計（JSON）";
    download_rejects: "Unreadable lines (JSONL)", "読めない行（JSONL）";
    download_log: "Log as it was sent", "受信したままのログ";
    origin: "Where this comes from", "元データ";
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
    c_buff: "Buffers", "バッファ";
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
    s_buff: "buffers", "バッファ";
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
    compare_title: "Servers compared", "サーバー比較";
    compare_hint: "Up to {n} servers of one day, one below the other, with the same hours and the same scale of load.", "同じ日・同じ時間帯・同じ負荷の目盛りで、最大 {n} 台を上下に並べます。";
    compare_zones: "These servers are in different time zones: the same hour in two charts is not the same moment.", "サーバーのタイムゾーンが異なります。グラフの同じ時刻は、同じ瞬間ではありません。";
    remove: "Remove {server}", "{server} を外す";
    compare_none: "No server is chosen so far. Add one by its name.", "サーバーが選ばれていません。名前を入力して追加してください。";
    compare_full: "{n} servers are shown, which is as many as fit.", "上限の {n} 台を表示しています。";

    // Logging in.
    login: "Log in", "ログイン";
    login_hint: "The access token was made when the server was first started; the start prints a link that logs in once.", "アクセストークンは初回起動時に作られます。起動時に表示されるリンクからも一度だけログインできます。";
    token: "Access token", "アクセストークン";

    login_wrong_token: "This is not the access token.", "アクセストークンが違います。";
    login_spent_link: "This link was used before, or is too old. Log in with the access token.", "このリンクは使用済みか、期限切れです。アクセストークンでログインしてください。";
    login_too_many: "Too many tries from this address. Wait a minute, then try again.", "このアドレスからの試行が多すぎます。1 分ほど待ってから再試行してください。";
    login_foreign: "The form came from a page of another site. Log in here.", "別サイトのページから送信されました。この画面からログインしてください。";
    login_no_token: "A file of access tokens cannot be used; the log of the server says why.", "アクセストークンのファイルを使えません。理由はサーバーのログにあります。";

    // Errors.
    not_found: "Not found", "見つかりません";
    not_found_page: "There is no such page here.", "このページはありません。";
    not_found_server: "No server named {server} has delivered a log.", "サーバー {server} からのログはありません。";
    not_found_file: "There is no such file of this day.", "この日にそのファイルはありません。";
    bad_request: "The address cannot be read", "アドレスを解釈できません";
    bad_date: "{given} is not a date. Write YYYY-MM-DD, MM-DD, yesterday or -7d.", "{given} は日付ではありません。YYYY-MM-DD、MM-DD、yesterday（昨日）、-7d のどれかで指定してください。";
    bad_server: "{given} is not the name of a server: letters, digits, '-', '.' and '_'.", "{given} はサーバー名ではありません。使えるのは英数字と '-'、'.'、'_' です。";
    bad_number: "{given} is out of range: give a whole number from {least} to {most}.", "{given} は指定できません。{least} から {most} までの整数を指定してください。";
    bad_choice: "{given} is not one of: {known}.", "{given} は指定できません。使える値：{known}。";
    bad_time: "{given} is not a time of day. Write it as HH:MM, at most 24:00.", "{given} は時刻ではありません。HH:MM（24:00 まで）の形式で指定してください。";
    bad_window: "From {from} to {till} is no stretch of time: it must end later than it begins.", "{from}～{till} は時間帯になっていません。終了は開始より後にしてください。";
    bad_series: "{given} is not the name of a series.", "{given} という系列はありません。";
    bad_view: "{given} is neither week nor month.", "{given} は week でも month でもありません。";
    bad_query: "The query is not text.", "クエリがテキストではありません。";
    bad_method: "This address answers GET and HEAD alone.", "このアドレスは GET と HEAD だけに応答します。";
    method_not_allowed: "Not allowed", "許可されていません";
    failed: "The store did not answer", "保存先が応答しません";
    failed_hint: "Trying again may help.", "しばらくしてから再試行してください。";
    internal: "The page could not be made", "ページを作成できませんでした";
    back_to_calendar: "Back to the calendar", "カレンダーへ戻る";
}
