using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Chat.Cells.Bench.Generator;

/// <summary>Writes client frames: text, whole, masked. Into one buffer that is used again for each frame.</summary>
internal sealed class Frames
{
    private const int Header = 8; // the longest of ours: 2 bytes, 2 of length, 4 of mask
    private const uint Mask = 0x3d21fa37;
    private readonly byte[] buffer = new byte[4096];
    private int length;

    /// <summary>A WebSocket upgrade request.</summary>
    /// <param name="token">The bearer's.</param>
    /// <param name="room">Follows the path.</param>
    public static byte[] Upgrade(string token, string room) => Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"GET /v1/ws{room} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))}\r\nSec-WebSocket-Protocol: chat.cells.v1\r\nAuthorization: Bearer {token}\r\n\r\n"));

    public ReadOnlySpan<byte> Heartbeat() => Begin().Text("{\"type\":\"heartbeat\",\"payload\":{}}"u8).End();

    public ReadOnlySpan<byte> Sync(ReadOnlySpan<byte> cursor)
    {
        if (cursor.IsEmpty) return Begin().Text("{\"type\":\"sync\",\"payload\":{\"cursor\":null}}"u8).End();
        return Begin().Text("{\"type\":\"sync\",\"payload\":{\"cursor\":\""u8).Text(cursor).Text("\"}}"u8).End();
    }

    public ReadOnlySpan<byte> Delivered(ReadOnlySpan<byte> cursor) => Begin().Text("{\"type\":\"delivered\",\"payload\":{\"cursor\":\""u8).Text(cursor).Text("\"}}"u8).End();

    /// <summary>A message as the SDK sends it. Its content begins with when it was meant to be sent, by whom, and its number, all in hexadecimal; its request id is the number.</summary>
    public ReadOnlySpan<byte> Message(Connection from, long meantAt, long number, int contentBytes)
    {
        Begin().Text("{\"type\":\"chat_message\",\"payload\":{\"channelId\":\""u8).Text(from.Channel).Text("\",\"content\":\""u8);
        var start = length;
        Hex(meantAt, 16).Hex(from.Index, 8).Hex(number, 16);
        var padding = contentBytes - (length - start);
        buffer.AsSpan(length, padding).Fill((byte)'x');
        length += padding;
        Text("\",\"contentType\":\"text\""u8);
        if (from.HasAfter) Text(",\"after\":\""u8).Text(from.After).Text("\""u8);
        if (from.LastSent > from.LastAnswered) Text(",\"afterRequest\":\""u8).RequestId(from.LastSent).Text("\""u8);
        return Text("},\"requestId\":\""u8).RequestId(number).Text("\"}"u8).End();
    }

    public static long ParseHex(ReadOnlySpan<byte> hex) => Utf8Parser.TryParse(hex, out long value, out _, 'x') ? value : -1;

    private Frames RequestId(long number) => Hex(number, 16);

    private Frames Begin()
    {
        length = Header;
        return this;
    }

    private Frames Text(ReadOnlySpan<byte> text)
    {
        text.CopyTo(buffer.AsSpan(length));
        length += text.Length;
        return this;
    }

    private Frames Text(string text)
    {
        length += Encoding.ASCII.GetBytes(text, buffer.AsSpan(length));
        return this;
    }

    private Frames Hex(long value, int digits)
    {
        value.TryFormat(buffer.AsSpan(length), out _, digits == 16 ? "x16" : "x8");
        length += digits;
        return this;
    }

    private ReadOnlySpan<byte> End()
    {
        var payload = length - Header;
        var start = payload < 126 ? 2 : 0;
        buffer[start] = 0x81;
        if (payload < 126)
        {
            buffer[start + 1] = (byte)(0x80 | payload);
        }
        else
        {
            buffer[1] = 0x80 | 126;
            buffer[2] = (byte)(payload >> 8);
            buffer[3] = (byte)payload;
        }
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(Header - 4), Mask);
        // Up to seven bytes behind the end are masked too; they aren't sent.
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(buffer.AsSpan(Header, (payload + 7) & ~7))) word ^= Mask | ((ulong)Mask << 32);
        return buffer.AsSpan(start, length - start);
    }
}
