namespace Cassandra.Protocol;

/// <summary>Whole frames: header and body, and what may stand before a response's message.</summary>
internal static class Frames
{
    public static byte[] Encode(byte version, short stream, Request request, bool segmented)
    {
        var frame = new byte[FrameHeader.Length + request.Body.Length];
        new FrameHeader(version, IsResponse: false, FrameFlags.None, stream, request.Opcode, request.Body.Length).Write(frame);
        request.Body.Span.CopyTo(frame.AsSpan(FrameHeader.Length));
        return segmented ? Segments.Wrap(frame) : frame;
    }

    /// <summary>The message without the tracing id, warnings and custom payload before it.</summary>
    /// <exception cref="DriverInternalError">The body is compressed, or too short.</exception>
    public static ReadOnlyMemory<byte> Content(FrameFlags flags, ReadOnlyMemory<byte> body)
    {
        if (flags.HasFlag(FrameFlags.Compression)) throw new DriverInternalError("The server compressed a frame, which was not asked for.");
        var reader = new BodyReader(body);
        if (flags.HasFlag(FrameFlags.Tracing)) reader.Uuid();
        if (flags.HasFlag(FrameFlags.Warning)) reader.StringList();
        if (flags.HasFlag(FrameFlags.CustomPayload)) reader.SkipBytesMap();
        return body[^reader.Remaining..];
    }
}
