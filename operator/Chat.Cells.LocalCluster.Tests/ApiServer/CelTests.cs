using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer.Crd;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class CelTests
{
    private const string Self = """{"s":"hello","n":3,"d":1.5,"t":true,"l":[1,2,3],"o":[{"a":1},{"a":2}],"m":{"x":"1","y":"2"},"e":[]}""";

    private static object? Evaluate(string rule)
    {
        var scope = new CelScope { ["self"] = CelValues.From(JsonNode.Parse(Self)), ["oldSelf"] = null };
        return CelParser.Parse(rule, "self", "oldSelf").Evaluate(scope);
    }

    [Theory]
    [InlineData("self.s == 'hello'")]
    [InlineData("self.s != \"bye\" && self.n > 2")]
    [InlineData("self.n == 3.0 && self.d < 2.0 && self.n >= 3 && 3 <= self.n")]
    [InlineData("self.n + 1 == 4 && self.n * 2 - 1 == 5 && 7 / 2 == 3 && 7 % 4 == 3 && -self.n == -3")]
    [InlineData("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9")]
    [InlineData("has(self.s) && !has(self.none) && !has(self.m.z)")]
    [InlineData("self.t ? self.n == 3 : false")]
    [InlineData("2 in self.l && !(9 in self.l) && 'x' in self.m && 'a' in ['a', 'b']")]
    [InlineData("size(self.l) == 3 && self.s.size() == 5 && size(self.m) == 2 && size('äö') == 2")]
    [InlineData("self.s.startsWith('he') && self.s.endsWith('lo') && self.s.contains('ell') && self.s.matches('^h.*o$')")]
    [InlineData("self.l.all(x, x > 0) && self.l.exists(x, x == 2) && self.l.exists_one(x, x == 3) && self.e.all(x, false) && !self.e.exists(x, true)")]
    [InlineData("self.l.filter(x, x > 1) == [2, 3] && self.l.map(x, x * 2) == [2, 4, 6] && self.l.map(x, x > 1, x) == [2, 3]")]
    [InlineData("self.o.all(i, i.a > 0) && self.o[1].a == 2 && self.m['x'] == '1' && self.m.all(k, self.m[k] != '')")]
    [InlineData("self.o.exists(i, self.o.exists(j, i.a != j.a))")]
    [InlineData("{'a': 1, 'b': [2]} == {'b': [2], 'a': 1} && {'a': 1}.a == 1")]
    [InlineData("'a' + 'b' == 'ab' && [1] + [2] == [1, 2]")]
    [InlineData("int('7') == 7 && string(7) == '7' && double('1.5') == 1.5 && int(2.9) == 2")]
    [InlineData("'A'.lowerAscii() == 'a' && 'a'.upperAscii() == 'A' && ' x '.trim() == 'x'")]
    [InlineData("r'\\d' == '\\\\d' && 'it\\'s' == \"it's\"")]
    [InlineData("true || self.none == 1")]
    [InlineData("self.none == 1 || true")]
    [InlineData("!(self.none == 1 && false)")]
    [InlineData("self.l.exists(x, x == 1 || self.none == x)")]
    [InlineData("null == null && self.n != null // a comment")]
    public void Rule_ThatHolds_IsTrue(string rule) => Assert.Equal(true, Evaluate(rule));

    [Theory]
    [InlineData("self.none == 1", "no such key: none")]
    [InlineData("self.l[9] == 1", "index out of bounds: 9")]
    [InlineData("self.n / 0 == 1", "division by zero")]
    [InlineData("self.n < 'x'", "no such overload")]
    [InlineData("9223372036854775807 + 1 > 0", "integer overflow")]
    [InlineData("self.n && true", "needs a bool")]
    [InlineData("self.s.matches('(')", "error parsing regexp")]
    [InlineData("self.l.map(a, self.l.map(b, self.l.map(c, self.l.map(d, self.l.map(e, self.l.map(f, self.l.map(g, self.l.map(h, self.l.map(i, self.l.map(j, self.l.map(k, self.l.map(l, self.l.map(m, 1))))))))))))) == []", "call cost exceeds limit")]
    public void Rule_ThatFails_SaysWhy(string rule, string expected) =>
        Assert.Contains(expected, Assert.Throws<CelEvaluationException>(() => Evaluate(rule)).Message);

    [Theory]
    [InlineData("self.s.split(',')")]
    [InlineData("duration('1s') == self.d")]
    [InlineData("quantity('1') == 1")]
    [InlineData("self.l.sortBy(x, x)")]
    [InlineData("other == 1")]
    [InlineData("self.")]
    [InlineData("self.s == 'open")]
    [InlineData("(self.s")]
    [InlineData("self.s self.n")]
    [InlineData("has(self)")]
    [InlineData("self.n = 3")]
    [InlineData("self.l.all(x)")]
    [InlineData("1u == 1")]
    [InlineData("")]
    public void Rule_OutsideTheSubset_IsRefused(string rule) => Assert.Throws<CelSyntaxException>(() => CelParser.Parse(rule, "self", "oldSelf"));

    [Fact]
    public void Rule_NestedTooDeep_IsRefused() =>
        Assert.Throws<CelSyntaxException>(() => CelParser.Parse(new string('(', 500) + "true" + new string(')', 500)));

    [Fact]
    public void VariablesOfMacros_EndWithThem() => Assert.Throws<CelSyntaxException>(() => CelParser.Parse("self.all(x, true) && x", "self"));
}
