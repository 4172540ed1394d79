using System.Text;
using Chat.Cells.Client.Connections;
using Chat.Cells.Load.Measure;

namespace Chat.Cells.Processes.Tests;

public sealed class LimitTapTests
{
    [Theory]
    [InlineData(FrameDirection.FromServer, """{"type":"error","payload":{"code":"rate_limited","message":"Too many messages.","retryAfter":995}}""", 1)]
    [InlineData(FrameDirection.FromServer, """{"type":"error","payload":{"code":"retry","message":"Send it again.","retryAfter":1000}}""", 0)]
    [InlineData(FrameDirection.FromServer, """{"type":"message","payload":{"content":"{\"type\":\"error\"} \"rate_limited\""}}""", 0)]
    [InlineData(FrameDirection.ToServer, """{"type":"error","payload":{"code":"rate_limited"}}""", 0)]
    [InlineData(FrameDirection.FromServer, "", 0)]
    public void Frame_OfEachKind_IsPassedOnAndCountedWhenASendHasToWait(FrameDirection direction, string frame, int limited)
    {
        var tracker = new DeliveryTracker(TimeProvider.System);
        var seen = new SeenFrames();

        new LimitTap(seen, tracker).Frame(1, 2, direction, Encoding.UTF8.GetBytes(frame));

        Assert.Equal(limited, tracker.Limited);
        Assert.Equal((direction, frame), Assert.Single(seen.Frames));
    }

    private sealed class SeenFrames : IFrameTap
    {
        public List<(FrameDirection, string)> Frames { get; } = [];

        public void ConnectionOpened(int connection, long at)
        {
        }

        public void ConnectionClosed(int connection, long at, int? closeCode, string? reason)
        {
        }

        public void Frame(int connection, long at, FrameDirection direction, ReadOnlySpan<byte> frame) => Frames.Add((direction, Encoding.UTF8.GetString(frame)));
    }
}
