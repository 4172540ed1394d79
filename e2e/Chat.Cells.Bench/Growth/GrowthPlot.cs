using System.Globalization;
using System.Text;

namespace Chat.Cells.Bench.Growth;

/// <summary>Draws the curves: one panel for each series, CPU per 1,000 deliveries over the size (logarithmic).</summary>
internal static class GrowthPlot
{
    private const int PanelWidth = 380;
    private const int PanelHeight = 260;
    private const int Left = 60;
    private const int Top = 40;

    public static string Draw(IReadOnlyList<GrowthPoint> points)
    {
        var series = points.GroupBy(p => p.Series).ToArray();
        var svg = new StringBuilder();
        Line(svg, $"<svg xmlns='http://www.w3.org/2000/svg' width='{series.Length * (PanelWidth + Left) + 20}' height='{PanelHeight + 90}' font-family='sans-serif' font-size='12'>");
        Line(svg, $"<rect width='100%' height='100%' fill='white'/>");
        for (var i = 0; i < series.Length; i++) Panel(svg, [.. series[i].OrderBy(p => p.Size)], series[i].Key, Left + (i * (PanelWidth + Left)));
        Line(svg, $"</svg>");
        return svg.ToString();
    }

    private static void Panel(StringBuilder svg, GrowthPoint[] points, string name, int left)
    {
        var highest = points.Max(p => p.CpuSecondsPer1000Deliveries) * 1.15;
        var (low, high) = (Math.Log10(points[0].Size), Math.Log10(points[^1].Size));
        double X(GrowthPoint p) => left + 20 + ((Math.Log10(p.Size) - low) / Math.Max(0.001, high - low) * (PanelWidth - 60));
        double Y(double cpu) => Top + PanelHeight - (cpu / highest * PanelHeight);
        Line(svg, $"<text x='{left}' y='24' font-weight='bold'>CPU-s per 1,000 deliveries, by {name}</text>");
        Line(svg, $"<path d='M{left} {Top}V{Top + PanelHeight}H{left + PanelWidth - 20}' fill='none' stroke='#888'/>");
        for (var tick = 0; tick <= 4; tick++)
        {
            var value = highest * tick / 4;
            Line(svg, $"<text x='{left - 6}' y='{Y(value) + 4:F1}' text-anchor='end' fill='#555'>{value:F3}</text>");
            Line(svg, $"<path d='M{left} {Y(value):F1}H{left + PanelWidth - 20}' stroke='#eee'/>");
        }
        Line(svg, $"<polyline points='{string.Join(' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p):F1},{Y(p.CpuSecondsPer1000Deliveries):F1}")))}' fill='none' stroke='#2563eb' stroke-width='2'/>");
        foreach (var p in points)
        {
            Line(svg, $"<circle cx='{X(p):F1}' cy='{Y(p.CpuSecondsPer1000Deliveries):F1}' r='4' fill='#2563eb'/>");
            Line(svg, $"<text x='{X(p):F1}' y='{Top + PanelHeight + 18}' text-anchor='middle'>{p.Size}</text>");
            Line(svg, $"<text x='{X(p):F1}' y='{Top + PanelHeight + 34}' text-anchor='middle' fill='#555'>p99 {p.P99Milliseconds:F1} ms</text>");
        }
    }

    private static void Line(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
