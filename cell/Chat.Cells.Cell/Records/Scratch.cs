using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Chat.Cells.Cell.Records;

/// <summary>
/// A buffer to write one encoding into, which is then copied out in its exact size: without it each encoding would cost its own buffer besides its result. Take one with
/// <see cref="Take"/> in a <c>using</c>; nothing of it may be kept. Each thread keeps one for its next use; who takes a second meanwhile gets a new one.
/// </summary>
internal sealed class Scratch : IDisposable
{
    private const int FirstCapacity = 1024;
    private const int MaxKept = 64 * 1024;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    private static Scratch? idle;

    private Utf8JsonWriter? json;

    private Scratch()
    {
    }

    public ArrayBufferWriter<byte> Buffer { get; } = new(FirstCapacity);

    /// <summary>An empty one.</summary>
    public static Scratch Take()
    {
        var taken = idle ?? new Scratch();
        idle = null;
        return taken;
    }

    /// <summary>Writes JSON into the buffer, as all frames have it. Flush it before the bytes are taken.</summary>
    public Utf8JsonWriter BeginJson()
    {
        if (json is null) json = new Utf8JsonWriter(Buffer, Options);
        else json.Reset(Buffer);
        return json;
    }

    /// <summary>What was written.</summary>
    public byte[] ToArray() => Buffer.WrittenSpan.ToArray();

    /// <summary>Gives it back. One that has grown large is not kept.</summary>
    public void Dispose()
    {
        if (Buffer.Capacity > MaxKept) return;
        Buffer.ResetWrittenCount();
        idle = this;
    }
}
