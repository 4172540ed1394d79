using System.Globalization;

namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>Values of CEL: conversion from JSON, equality, order, arithmetic.</summary>
internal static class CelValues
{
    public static object? From(JsonNode? node) => node switch
    {
        null => null,
        JsonObject o => o.ToDictionary(p => p.Key, p => From(p.Value), StringComparer.Ordinal),
        JsonArray a => a.Select(From).ToList(),
        _ when node.AsLong() is { } whole => whole,
        _ when node.AsDouble() is { } real => real,
        _ when node.Flag() is { } flag => flag,
        _ => node.Text(),
    };

    public static string TypeOf(object? value) => value switch
    {
        null => "null",
        bool => "bool",
        long => "int",
        double => "double",
        string => "string",
        List<object?> => "list",
        _ => "map",
    };

    public static bool AreEqual(object? a, object? b) => (a, b) switch
    {
        (long x, double y) => ((double)x).Equals(y),
        (double x, long y) => x.Equals(y),
        (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(p => AreEqual(p.First, p.Second)),
        (Dictionary<string, object?> x, Dictionary<string, object?> y) =>
            x.Count == y.Count && x.All(p => y.TryGetValue(p.Key, out var other) && AreEqual(p.Value, other)),
        _ => Equals(a, b),
    };

    public static bool Contains(object? container, object? item) => container switch
    {
        List<object?> list => list.Exists(i => AreEqual(i, item)),
        Dictionary<string, object?> map => item is string key && map.ContainsKey(key),
        _ => throw new CelEvaluationException($"no such overload: {TypeOf(item)} in {TypeOf(container)}"),
    };

    public static int Compare(object? a, object? b) => (a, b) switch
    {
        (long x, long y) => x.CompareTo(y),
        (long x, double y) => ((double)x).CompareTo(y),
        (double x, long y) => x.CompareTo(y),
        (double x, double y) => x.CompareTo(y),
        (string x, string y) => string.CompareOrdinal(x, y),
        (bool x, bool y) => x.CompareTo(y),
        _ => throw new CelEvaluationException($"no such overload: {TypeOf(a)} < {TypeOf(b)}"),
    };

    public static object Arithmetic(string symbol, object? a, object? b)
    {
        try
        {
            return (symbol, a, b) switch
            {
                ("+", long x, long y) => checked(x + y),
                ("-", long x, long y) => checked(x - y),
                ("*", long x, long y) => checked(x * y),
                ("/", long x, long y) => x / y,
                ("%", long x, long y) => x % y,
                ("+", double x, double y) => x + y,
                ("-", double x, double y) => x - y,
                ("*", double x, double y) => x * y,
                ("/", double x, double y) => x / y,
                ("+", string x, string y) => x + y,
                ("+", List<object?> x, List<object?> y) => x.Concat(y).ToList(),
                _ => throw new CelEvaluationException($"no such overload: {TypeOf(a)} {symbol} {TypeOf(b)}"),
            };
        }
        catch (DivideByZeroException)
        {
            throw new CelEvaluationException(symbol == "/" ? "division by zero" : "modulus by zero");
        }
        catch (OverflowException)
        {
            throw new CelEvaluationException("integer overflow");
        }
    }
}

/// <summary>The functions that are supported here.</summary>
internal static class CelFunctions
{
    public static Func<IReadOnlyList<object?>, object?> Global(string name) => name switch
    {
        "size" => Size,
        "int" => a => One(a) switch
        {
            long l => l,
            double d => (long)d,
            string s when long.TryParse(s, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var l) => l,
            var other => throw new CelEvaluationException($"type conversion error from '{CelValues.TypeOf(other)}' to 'int'"),
        },
        "double" => a => One(a) switch
        {
            long l => (double)l,
            double d => d,
            string s when double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) => d,
            var other => throw new CelEvaluationException($"type conversion error from '{CelValues.TypeOf(other)}' to 'double'"),
        },
        "string" => a => One(a) switch
        {
            bool b => b ? "true" : "false",
            long or double or string => Convert.ToString(One(a), CultureInfo.InvariantCulture),
            var other => throw new CelEvaluationException($"type conversion error from '{CelValues.TypeOf(other)}' to 'string'"),
        },
        _ => throw Unknown(name),
    };

    public static Func<IReadOnlyList<object?>, object?> Method(string name) => name switch
    {
        "size" => Size,
        "startsWith" => a => Strings(name, a, (s, t) => s.StartsWith(t, StringComparison.Ordinal)),
        "endsWith" => a => Strings(name, a, (s, t) => s.EndsWith(t, StringComparison.Ordinal)),
        "contains" => a => Strings(name, a, (s, t) => s.Contains(t, StringComparison.Ordinal)),
        "matches" => a => Strings(name, a, Matches),
        "lowerAscii" => a => One(a) is string s ? s.ToLowerInvariant() : throw Overload(name),
        "upperAscii" => a => One(a) is string s ? s.ToUpperInvariant() : throw Overload(name),
        "trim" => a => One(a) is string s ? s.Trim() : throw Overload(name),
        _ => throw Unknown(name),
    };

    private static object Size(IReadOnlyList<object?> arguments) => One(arguments) switch
    {
        string s => (long)s.EnumerateRunes().Count(),
        List<object?> l => (long)l.Count,
        Dictionary<string, object?> m => (long)m.Count,
        _ => throw Overload("size"),
    };

    private static bool Matches(string text, string pattern)
    {
        try
        {
            return SchemaPatterns.Get(pattern).IsMatch(text);
        }
        catch (ArgumentException e)
        {
            throw new CelEvaluationException($"error parsing regexp: {e.Message}");
        }
    }

    private static bool Strings(string name, IReadOnlyList<object?> arguments, Func<string, string, bool> test) =>
        arguments is [string s, string t] ? test(s, t) : throw Overload(name);

    private static object? One(IReadOnlyList<object?> arguments) => arguments.Count == 1 ? arguments[0] : throw Overload("call");

    private static CelEvaluationException Overload(string name) => new($"no such overload: {name}");

    private static CelSyntaxException Unknown(string name) => new(
        $"the function or macro '{name}' is not supported here; supported: has, size, int, double, string, startsWith, endsWith, contains, matches, lowerAscii, upperAscii, trim, all, exists, exists_one, filter, map");
}
