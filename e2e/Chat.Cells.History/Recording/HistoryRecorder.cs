using System.Text.Json;

namespace Chat.Cells.History.Recording;

/// <summary>Writes a recording as JSON lines, in the order of the calls. Thread-safe.</summary>
public sealed class HistoryRecorder : IDisposable
{
    private readonly Lock gate = new();
    private readonly Stream stream;
    private readonly TimeProvider time;
    private readonly long start;
    private bool closed;

    public HistoryRecorder(Stream stream, TimeProvider? timeProvider = null)
    {
        this.stream = stream;
        time = timeProvider ?? TimeProvider.System;
        start = time.GetTimestamp();
    }

    /// <summary>Records into a file, replacing it.</summary>
    public static HistoryRecorder ToFile(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return new HistoryRecorder(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 256 * 1024));
    }

    /// <summary>Microseconds since the recording began.</summary>
    public long Now => (long)time.GetElapsedTime(start).TotalMicroseconds;

    /// <summary>Microseconds since the recording began of a <see cref="TimeProvider"/> timestamp.</summary>
    public long At(long timestamp) => (long)time.GetElapsedTime(start, timestamp).TotalMicroseconds;

    public void Write(HistoryRecord record)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(record, RecordJson.Default.HistoryRecord);
        lock (gate)
        {
            if (closed) return; // A connection that ends after the recording has.
            stream.Write(bytes);
            stream.WriteByte((byte)'\n');
        }
    }

    public void Flush()
    {
        lock (gate)
        {
            if (!closed) stream.Flush();
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            closed = true;
            stream.Dispose();
        }
    }

    /// <summary>Reads a recording back.</summary>
    /// <exception cref="InvalidDataException">A line is not a record; says which.</exception>
    public static IEnumerable<HistoryRecord> Read(string path)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (line.Length == 0) continue;
            HistoryRecord? record;
            try
            {
                record = JsonSerializer.Deserialize(line, RecordJson.Default.HistoryRecord);
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}, line {number}: {e.Message}", e);
            }
            yield return record ?? throw new InvalidDataException($"{path}, line {number} is null.");
        }
    }
}
