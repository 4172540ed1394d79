namespace Chat.Cells.Cell.Engines.Files;

/// <summary>The segments that exist, oldest first. Changed by the writer (and recovery), read by anybody.</summary>
internal sealed class SegmentSet
{
    private volatile Segment[] all = [];

    public Segment Active => all[^1];
    public Segment? Oldest => all is [var first, ..] ? first : null;
    public int Count => all.Length;

    /// <summary>Null when it was deleted.</summary>
    public Segment? Find(long number)
    {
        var segments = all;
        if (segments.Length == 0) return null;
        var at = number - segments[0].Number;
        return at >= 0 && at < segments.Length ? segments[at] : null;
    }

    public void Add(Segment segment) => all = [.. all, segment];

    /// <summary>The file of a removed segment stays open for those who read it just now; it closes when they are done and it is collected.</summary>
    public void RemoveOldest() => all = all[1..];

    /// <summary>Begins the next segment, durably: its file, its place in the folder, its header and checkpoint.</summary>
    public void Begin(ILogFiles files, LogCatalog catalog, TimeProvider time)
    {
        var number = all.Length == 0 ? 1 : Active.Number + 1;
        var file = files.Create(Segment.NameOf(number));
        try
        {
            var checkpoint = catalog.EncodeCheckpoint();
            RecordFrame.Seal(checkpoint, 0, 0, time.GetUtcNow().ToUnixTimeMilliseconds());
            file.Write(0, [.. Segment.Header(number), .. checkpoint]);
            file.Flush();
            files.Flush();
            Add(new Segment(number, file) { Length = Segment.HeaderBytes + checkpoint.Length });
        }
        catch (IOException)
        {
            file.Dispose();
            throw;
        }
    }

    public void Close()
    {
        foreach (var segment in all) segment.File.Dispose();
    }
}
