using System.Globalization;

namespace Chat.Cells.Bench.Report;

/// <summary>What a figure should be, on two cores shared with the generator.</summary>
/// <param name="Metric">A metric, or a ratio's name.</param>
/// <param name="AtLeast">True: the value or more; false: the value or less.</param>
internal sealed record Target(string Workload, string Engine, string Metric, double Value, bool AtLeast)
{
    public static readonly IReadOnlyList<Target> Embedded =
    [
        new("direct", "embedded", "delivered_per_second", 4_000, AtLeast: true),
        new("direct", "embedded", "p99_at_half", 20, AtLeast: false),
        new("group50", "embedded", "delivered_per_second", 30_000, AtLeast: true),
        new("group50", "embedded", "p99_at_half", 20, AtLeast: false),
        new("", "", "group50_deliveries_per_cpu_second_vs_bare", 0.25, AtLeast: true),
        new("idle", "embedded", "memory_per_connection", 15, AtLeast: false),
        new("storm", "embedded", "seconds_until_95_percent", 15, AtLeast: false),
        new("storm", "embedded", "seconds_until_100_percent", 45, AtLeast: false),
    ];

    /// <summary>With a real broker given.</summary>
    public static IReadOnlyList<Target> OnKafka(string engine) =>
    [
        new("direct", engine, "delivered_per_second", 3_000, AtLeast: true),
        new("direct", engine, "p99_at_half", 40, AtLeast: false),
    ];

    public bool IsMet(double value) => AtLeast ? value >= Value : value <= Value;

    public string Judge(double value) =>
        string.Create(CultureInfo.InvariantCulture, $"{(AtLeast ? "at least" : "at most")} {Value:G}: {(IsMet(value) ? "met" : "MISSED")}");
}
