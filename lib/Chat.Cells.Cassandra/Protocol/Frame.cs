using System.Buffers.Binary;

namespace Cassandra.Protocol;

/// <summary>Request and response codes of the native protocol (v4 and v5 specification, section 2.4).</summary>
internal enum Opcode : byte
{
    Error = 0x00,
    Startup = 0x01,
    Ready = 0x02,
    Authenticate = 0x03,
    Options = 0x05,
    Supported = 0x06,
    Query = 0x07,
    Result = 0x08,
    Prepare = 0x09,
    Execute = 0x0A,
    Register = 0x0B,
    Event = 0x0C,
    Batch = 0x0D,
    AuthChallenge = 0x0E,
    AuthResponse = 0x0F,
    AuthSuccess = 0x10,
}

[Flags]
internal enum FrameFlags : byte
{
    None = 0,
    Compression = 0x01,
    Tracing = 0x02,
    CustomPayload = 0x04,
    Warning = 0x08,
    UseBeta = 0x10,
}

/// <summary>The 9 bytes before every message body.</summary>
internal readonly record struct FrameHeader(byte Version, bool IsResponse, FrameFlags Flags, short Stream, Opcode Opcode, int BodyLength)
{
    public const int Length = 9;

    /// <summary>The protocol's own limit.</summary>
    public const int MaxBodyLength = 256 * 1024 * 1024;

    public void Write(Span<byte> target)
    {
        target[0] = (byte)(Version | (IsResponse ? 0x80 : 0));
        target[1] = (byte)Flags;
        BinaryPrimitives.WriteInt16BigEndian(target[2..], Stream);
        target[4] = (byte)Opcode;
        BinaryPrimitives.WriteInt32BigEndian(target[5..], BodyLength);
    }

    /// <exception cref="DriverInternalError">Not a frame header.</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> source)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(source[5..]);
        if (length is < 0 or > MaxBodyLength) throw new DriverInternalError($"A frame claims a body of {length} bytes.");
        return new FrameHeader((byte)(source[0] & 0x7F), (source[0] & 0x80) != 0, (FrameFlags)source[1], BinaryPrimitives.ReadInt16BigEndian(source[2..]), (Opcode)source[4], length);
    }
}
