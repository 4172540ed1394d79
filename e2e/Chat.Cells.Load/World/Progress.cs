using System.Globalization;

namespace Chat.Cells.Load.World;

/// <summary>Tells the person at the terminal how far the run is.</summary>
public sealed class Progress(string verb, TextWriter writer, TimeProvider time)
{
    private readonly long start = time.GetTimestamp();

    public TimeSpan Elapsed => time.GetElapsedTime(start);

    public void Say(string text)
    {
        lock (writer) writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{verb} {Elapsed.TotalSeconds,6:F1} s  {text}"));
    }
}
