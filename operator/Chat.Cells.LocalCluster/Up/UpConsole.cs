using System.Globalization;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>What <c>up</c> says: one line per step, with the seconds since the start.</summary>
public sealed class UpConsole(TextWriter output, TimeProvider time)
{
    private readonly long started = time.GetTimestamp();
    private readonly Lock gate = new();

    /// <summary>Seconds since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(started);

    /// <summary>Says a step.</summary>
    public void Step(string text) => Line(string.Create(CultureInfo.InvariantCulture, $"[{Elapsed.TotalSeconds,5:0.0} s] {text}"));

    /// <summary>Says a line as it is.</summary>
    public void Line(string text)
    {
        lock (gate)
        {
            output.WriteLine(text);
            output.Flush();
        }
    }

    /// <summary>A table with a heading, columns as wide as they need to be.</summary>
    public void Table(IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var widths = Enumerable.Range(0, rows[0].Count).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            Line("  " + string.Join("   ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
