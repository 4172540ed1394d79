using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Records;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Presence;

public sealed class DeviceKindsTests
{
    private static readonly Gen<(string Kind, bool IsAway)> Device =
        from kind in Gen.Elements("web", "mobile", "desktop", "tv", "a-b_9") from isAway in Gen.Elements(true, false) select (kind, isAway);

    [Fact]
    public void Kinds_WrittenAndRead_AreTheSame() => Prop.ForAll(Device.ListOf().ToArbitrary(), devices =>
    {
        var kinds = devices.Aggregate(DeviceKinds.None, (k, d) => k.With(d.Kind, d.IsAway));
        Assert.True(DeviceKinds.TryParse(kinds.ToString(), out var read));
        Assert.Equal(kinds, read);
        Assert.Equal(devices.Where(d => d.IsAway).Select(d => d.Kind).Distinct().Order(StringComparer.Ordinal), read.Away);
        Assert.Equal(devices.Where(d => !d.IsAway).Select(d => d.Kind).Distinct().Order(StringComparer.Ordinal), read.Online);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Merge_OfServersInAnyOrder_IsThatOfAllDevicesTogether() => Prop.ForAll(Device.ListOf().ToArbitrary(), Gen.Choose(1, 4).ToArbitrary(), (devices, servers) =>
    {
        var split = devices.Select((d, i) => (Device: d, Server: i % servers)).GroupBy(p => p.Server)
            .Select(g => new UserDevices(g.Key + 1, g.Aggregate(DeviceKinds.None, (k, p) => k.With(p.Device.Kind, p.Device.IsAway)))).Reverse().ToList();
        var merged = PresenceSnapshot.Merge("a", split, null, 1);
        var expected = devices.Any(d => !d.IsAway) ? PresenceStatus.Online : devices.Count > 0 ? PresenceStatus.Away : PresenceStatus.Offline;
        Assert.Equal(expected, merged.Status);
        Assert.Equal(devices.Where(d => d.IsAway == (expected == PresenceStatus.Away)).Select(d => d.Kind).Distinct().Order(StringComparer.Ordinal), merged.Devices);
        Assert.Equal(split.Count == 0 ? null : split.Max(s => (long?)s.LastActiveAt), merged.LastActiveAt);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(null, "other")]
    [InlineData("", "other")]
    [InlineData("Web", "web")]
    [InlineData("web,tv", "other")]
    [InlineData("a|b", "other")]
    [InlineData("über", "other")]
    [InlineData("sixteen-letters_", "sixteen-letters_")]
    [InlineData("seventeen-letters", "other")]
    public void Kind_AsAClientNamesIt_IsMadeSafe(string? kind, string expected) => Assert.Equal(expected, DeviceKinds.Normalize(kind));

    [Theory]
    [InlineData("web")]
    [InlineData("web|TV")]
    [InlineData("web,|")]
    [InlineData("a|b|c")]
    public void Kinds_ThatAreNone_AreNotRead(string text) => Assert.False(DeviceKinds.TryParse(text, out _));

    [Fact]
    public void Notices_WrittenAndRead_AreTheSame()
    {
        var presence = new PresenceNotice([new PresenceNoticeItem(new PresenceSnapshot("a", PresenceStatus.Away, null, ["tv", "web"], 7), 9), new PresenceNoticeItem(PresenceSnapshot.Unknown("b"), 1)]);
        var read = Assert.IsType<PresenceNotice>(ServerMessage.Decode(ServerMessage.Encode(presence)));
        Assert.Equal(presence.Items.Select(i => (i.Snapshot.UserId, i.Snapshot.Status, i.Snapshot.LastActiveAt, string.Join(',', i.Snapshot.Devices), i.Snapshot.Stamp, i.Since)), read.Items.Select(i => (i.Snapshot.UserId, i.Snapshot.Status, i.Snapshot.LastActiveAt, string.Join(',', i.Snapshot.Devices), i.Snapshot.Stamp, i.Since)));
        var typing = Assert.IsType<TypingNotice>(ServerMessage.Decode(ServerMessage.Encode(new TypingNotice([new TypingNoticeItem("c", "a", true, ["b", "d"])]))));
        Assert.Equal(("c", "a", true, "b,d"), Assert.Single(typing.Items) is var item ? (item.ChannelId, item.UserId, item.IsTyping, string.Join(',', item.Recipients)) : default);
        Assert.Throws<RecordFormatException>(() => ServerMessage.Decode(new byte[] { 4, 1, 1, 97, 9 }));
        Assert.Throws<RecordFormatException>(() => ServerMessage.Decode(new byte[] { 5, 255, 255, 255, 127 }));
    }
}
