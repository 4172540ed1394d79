using System.Text;

namespace Chat.Cells.Bridge.Tests;

public sealed class AnswerDetailTests
{
    [Theory]
    [InlineData("""{"code":"retry","detail":"Kafka did not answer"}""", ": Kafka did not answer")]
    [InlineData("""{"detail":"two\nlines\u001b[31m"}""", ": two lines [31m")]
    [InlineData("""{"detail":""}""", "")]
    [InlineData("""{"detail":7}""", "")]
    [InlineData("""{"code":"retry"}""", "")]
    [InlineData("[1]", "")]
    [InlineData("<html>", "")]
    [InlineData("", "")]
    public void Of_WhatACellMayAnswer_IsShortAndPlain(string answer, string expected) => Assert.Equal(expected, AnswerDetail.Of(Encoding.UTF8.GetBytes(answer)));

    [Fact]
    public void Of_LongDetail_IsCut() => Assert.Equal(": " + new string('x', 300) + "…", AnswerDetail.Of(Encoding.UTF8.GetBytes($$"""{"detail":"{{new string('x', 5_000)}}"}""")));

    [Fact]
    public async Task ReadAsync_AnswerOverTheLimit_SaysNothing()
    {
        using var response = new HttpResponseMessage { Content = new StringContent($$"""{"detail":"{{new string('x', 100_000)}}"}""") };
        Assert.Equal("", await AnswerDetail.ReadAsync(response, CancellationToken.None));
    }
}
