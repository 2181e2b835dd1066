//! The texts about what was found: trends, and the day in sentences. They are part of the one table.

/// Adds these texts to others, for the macro `words`.
macro_rules! with_findings {
    ($($others:tt)*) => {
        words! {
            $($others)*

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

            // The day in sentences.
            all_day: "All day", "終日";
            report_core: "{when}: load above the single core for {long}, up to {peak} at {at}.", "{when}：ロードアベレージが {long}にわたってコア数（1）を超えました。最大は {peak}（{at}）です。";
            report_cores: "{when}: load above the {cores} cores for {long}, up to {peak} at {at}.", "{when}：ロードアベレージが {long}にわたってコア数（{cores}）を超えました。最大は {peak}（{at}）です。";
            report_beside: " Meanwhile {beside}.", "その間：{beside}。";
            report_usual: " Usual at that time: {usual}.", "この時間帯の通常値：{usual}。";
            report_waited: "{when} ({long}): {beside}.", "{when}（{long}）の状況：{beside}。";
            report_wait: "waiting for I/O {range} %", "I/O 待ち {range} %";
            report_stolen: "stolen by the hypervisor {range} %", "スチール {range} %";
            report_swapping: "swapping {range} KiB/s", "スワップの読み書き {range} KiB/s";
            report_blocked: "{range} processes blocked", "ブロック中のプロセス {range} 個";
            report_read: "{range} blocks/s read", "読み込み {range} ブロック/s";
            report_written: "{range} blocks/s written", "書き込み {range} ブロック/s";
            report_busy: "CPU busy {range} %", "CPU 使用率 {range} %";
            report_memory: "Memory: {parts}.", "メモリ：{parts}。";
            report_free: "least free {free} at {at}", "最小空きメモリ {free}（{at}）";
            report_left: "{left} with buffers and cache", "バッファーとキャッシュを含めると {left}";
            report_swapped: "up to {swapped} swapped out", "スワップアウトは最大 {swapped}";
            report_swapped_more: "{more} more than at first", "最初の記録より {more} 増加";
            report_above_usual: "{when}: load {load}, above the usual {usual} for {long}.", "{when}：ロードアベレージ {load} が、{long}にわたって通常（{usual}）を上回りました。";
            report_below_usual: "{when}: load {load}, below the usual {usual} for {long}.", "{when}：ロードアベレージ {load} が、{long}にわたって通常（{usual}）を下回りました。";
            report_peak: "Peak load {peak} at {at}; on the same weekday of the last 8 weeks it was {usual}.", "ロードアベレージの最大は {peak}（{at}）です。過去 8 週の同じ曜日は {usual} でした。";
            report_peak_at: "Peak load {peak} at {at}; on the same weekday of the last 8 weeks it was {usual}, mostly at about {time}.", "ロードアベレージの最大は {peak}（{at}）です。過去 8 週の同じ曜日は {usual}、おもに {time} ごろでした。";
            report_more_one: "{n} more stretch like these is not listed here; see the chart.", "同様の時間帯はほかに {n} 件あります。グラフを見てください。";
            report_more_many: "{n} more stretches like these are not listed here; see the chart.", "同様の時間帯はほかに {n} 件あります。グラフを見てください。";
            report_nothing: "Nothing unusual, compared with the same weekday of the last 8 weeks.", "過去 8 週の同じ曜日と比べて、変わったことはありません。";
            commands: "On {server}, `log2aws-agent ship --date {day}` sends what is there, and `log2aws-agent doctor` says why something is missing.", "{server} で `log2aws-agent ship --date {day}` を実行すると、残っているログを送信します。欠落の理由は `log2aws-agent doctor` で調べられます。";
            week_before: "-7 d", "7 日前";
            week_after: "+7 d", "7 日後";
            week_before_title: "The same weekday one week before: {day}", "前の週の同じ曜日：{day}";
            week_after_title: "The same weekday one week later: {day}", "次の週の同じ曜日：{day}";
        }
    };
}
