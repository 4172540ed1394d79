using System.Globalization;
using System.Text;

namespace Chat.Cells.Bench.Growth;

/// <summary>
/// Draws the curves: a column for each, a row for each cost, every axis from 0 with its unit. The picture brings its own background and follows the reader's scheme, light or dark, so
/// that its text is readable on any page.
/// </summary>
internal static class GrowthPlot
{
    private const int Width = 250;
    private const int Height = 130;
    private const int Left = 58;
    private const int Column = Left + Width + 22;
    private const int Top = 76;
    private const int Row = Height + 74;
    private const int Inset = 22;

    private const string Style = """
        <style>
        .page{fill:#fff}.text{fill:#1f2328}.quiet{fill:#59636e}.axis{stroke:#818b98;fill:none}.grid{stroke:#d1d9e0;fill:none}
        .a{fill:#0969da}.la{stroke:#0969da;fill:none;stroke-width:2}.b{fill:#bc4c00}.lb{stroke:#bc4c00;fill:none;stroke-width:2}
        @media (prefers-color-scheme:dark){
        .page{fill:#0d1117}.text{fill:#e6edf3}.quiet{fill:#9198a1}.axis{stroke:#656c76}.grid{stroke:#2a313c}
        .a{fill:#58a6ff}.la{stroke:#58a6ff}.b{fill:#f0883e}.lb{stroke:#f0883e}}
        </style>
        """;

    private static readonly Cost[] Costs =
    [
        new("CPU-seconds per 1,000 deliveries", new("whole cell", p => p.Cpu), new("gateways", p => p.GatewayCpu)),
        new("latency of a delivery, ms", new("p50", p => p.P50), new("p99", p => p.P99)),
        new("memory of a server with clients, MB", new("resident", p => p.Megabytes), null),
    ];

    public static string Draw(GrowthFile growth)
    {
        var svg = new StringBuilder();
        var (width, height) = (growth.Series.Count * Column + 10, Top + (Costs.Length * Row) - 20);
        Line(svg, $"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' font-family='system-ui,sans-serif' font-size='12' role='img' aria-label='How the cost of a delivery grows'>");
        svg.Append(Style).Append('\n');
        Line(svg, $"<rect class='page' width='{width}' height='{height}'/>");
        for (var column = 0; column < growth.Series.Count; column++)
        {
            var series = growth.Series[column];
            var left = Left + (column * Column);
            Line(svg, $"<text class='text' x='{left}' y='22' font-weight='bold'>by {Escape(series.Over)}</text>");
            Line(svg, $"<text class='quiet' x='{left}' y='40'>{Escape(series.Engine)}</text>");
            for (var row = 0; row < Costs.Length; row++) Panel(svg, series, Costs[row], left, Top + (row * Row));
        }
        Line(svg, $"</svg>");
        return svg.ToString();
    }

    /// <summary>The next of 1, 2, 5, 10, … times a power of ten: four to six of them make up the axis.</summary>
    internal static double Step(double highest)
    {
        if (highest <= 0) return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(highest / 4)));
        return (highest / 4 / power) switch { <= 1 => power, <= 2 => 2 * power, <= 5 => 5 * power, _ => 10 * power };
    }

    private static void Panel(StringBuilder svg, GrowthSeries series, Cost cost, int left, int top)
    {
        var points = series.Points;
        var curves = new[] { (Curve: cost.First, Class: "a"), (Curve: cost.Second, Class: "b") }
            .Where(c => c.Curve is not null && points.All(p => c.Curve.Of(p) is not null))
            .Select(c => (c.Curve!.Name, c.Class, Values: points.Select(p => c.Curve.Of(p)!.Value).ToArray()))
            .ToArray();
        var step = Step(curves.SelectMany(c => c.Values).DefaultIfEmpty().Max());
        var highest = Math.Max(step, Math.Ceiling(curves.SelectMany(c => c.Values).DefaultIfEmpty().Max() * 1.08 / step) * step);
        var (low, high) = (Math.Log(points[0].Size), Math.Log(points[^1].Size));
        double X(int size) => left + Inset + ((Math.Log(size) - low) / Math.Max(0.001, high - low) * (Width - (2 * Inset)));
        double Y(double value) => top + Height - (value / highest * Height);

        Line(svg, $"<text class='text' x='{left}' y='{top - 10}'>{Escape(cost.Name)}</text>");
        for (var tick = 0; tick <= (int)Math.Round(highest / step); tick++)
        {
            Line(svg, $"<path class='grid' d='M{left} {Y(tick * step):F1}h{Width}'/>");
            Line(svg, $"<text class='quiet' x='{left - 6}' y='{Y(tick * step) + 4:F1}' text-anchor='end'>{Number(tick * step)}</text>");
        }
        Line(svg, $"<path class='axis' d='M{left} {top}v{Height}h{Width}'/>");
        foreach (var p in points) Line(svg, $"<text class='quiet' x='{X(p.Size):F1}' y='{top + Height + 16}' text-anchor='middle'>{p.Size.ToString("N0", CultureInfo.InvariantCulture)}</text>");
        Line(svg, $"<text class='quiet' x='{left + Width}' y='{top + Height + 32}' text-anchor='end'>{Escape(series.Over)}</text>");
        var legend = left;
        foreach (var (name, style, values) in curves)
        {
            Line(svg, $"<polyline class='l{style}' points='{string.Join(' ', points.Select((p, i) => string.Create(CultureInfo.InvariantCulture, $"{X(p.Size):F1},{Y(values[i]):F1}")))}'/>");
            for (var i = 0; i < values.Length; i++) Line(svg, $"<circle class='{style}' cx='{X(points[i].Size):F1}' cy='{Y(values[i]):F1}' r='3.5'><title>{Number(values[i])}</title></circle>");
            if (curves.Length == 1) continue;
            Line(svg, $"<text class='{style}' x='{legend}' y='{top + Height + 32}'>{Escape(name)}</text>");
            legend += (int)(name.Length * 6.4) + 12;
        }
    }

    private static string Number(double value) => value.ToString(Math.Abs(value) switch { 0 => "0", < 0.1 => "0.###", < 10 => "0.##", _ => "N0" }, CultureInfo.InvariantCulture);

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static void Line(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private sealed record Curve(string Name, Func<GrowthPoint, double?> Of);

    private sealed record Cost(string Name, Curve First, Curve? Second);
}
