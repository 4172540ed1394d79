using System.Globalization;
using System.Text;

namespace Chat.Cells.Bench.Growth;

/// <summary>Writes the figures into a page, between two marks: what stands around them is people's.</summary>
internal static class GrowthTable
{
    public const string Begin = "<!-- growth: written by `make bench-growth` -->";
    public const string End = "<!-- end of growth -->";

    /// <exception cref="BenchException">The page has not both marks, in their order.</exception>
    public static string Put(string page, GrowthFile growth)
    {
        var begin = page.IndexOf(Begin, StringComparison.Ordinal);
        var end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin) throw new BenchException($"The page for the table lacks its marks: {Begin} and {End}.");
        return page[..(begin + Begin.Length)] + "\n" + Text(growth) + page[end..];
    }

    private static string Text(GrowthFile growth)
    {
        var text = new StringBuilder();
        Line(text, $"| over | | engine | deliveries/s | CPU-s per 1,000 | p50, p99 (ms) | MB a server | other work |");
        Line(text, $"|---|---:|---|---:|---|---|---:|---:|");
        foreach (var series in growth.Series)
        {
            foreach (var p in series.Points)
            {
                var parts = p.GatewayCpu is { } gateways ? string.Create(CultureInfo.InvariantCulture, $" (gateways {gateways:F3})") : "";
                Line(text, $"| {series.Over} | {p.Size:N0} | {series.Engine} | {p.DeliveriesPerSecond:N0}{(p.KeptUp ? "" : ", late")} | {p.Cpu:F3}{parts} | {p.P50:F1}, {p.P99:F1} | {p.Megabytes:F0} | {p.OtherCores:F2} |");
            }
        }
        Line(text, $"");
        Line(text, $"{growth.Cores} cores, shared with the generator. \"Other work\" is what the rest of the machine took meanwhile, in cores: where it is not close to 0, read no latency from that row.");
        Line(text, $"\"late\": in one of the phases not everything came, or less than 99 % within 100 ms.");
        foreach (var series in growth.Series)
        {
            Line(text, $"");
            Line(text, $"{char.ToUpperInvariant(series.Over[0])}{series.Over[1..]}: {series.Load}.{(series.Void is { } why ? $" Void: {why}." : "")}");
        }
        return text.ToString();
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
