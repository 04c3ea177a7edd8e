using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

/// <summary>Files made to do harm: each is refused by name, with bounded memory.</summary>
public class HostileFilesTests
{
    private static readonly byte[] Good = PickleWriter.Dict(("a", writer => writer.Tensor("0", 6, 0, [2, 3], [3, 1])));

    public static TheoryData<string> Tensors => new(WrongTensors.Keys);

    public static TheoryData<string> Pickles => new(WrongPickles.Keys);

    private static Dictionary<string, (string Reason, Func<byte[]> Pickle)> WrongTensors
    {
        get
        {
            var data = new Dictionary<string, (string, Func<byte[]>)>();
            void Add(string what, string reason, Action<PickleWriter> tensor) => data.Add(what, (reason, () => PickleWriter.Dict(("a", tensor))));
            Add("4 TiB on 24 bytes", "reaches element 1099511627775 of a storage of 6", w => w.Tensor("0", 6, 0, [1L << 40], [1]));
            Add("4 TiB by stride 0", "repeats a storage of 6 elements more than 4 times", w => w.Tensor("0", 6, 0, [1L << 40], [0]));
            Add("2 MiB by stride 0", "repeats a storage of 6 elements more than 4 times", w => w.Tensor("0", 6, 0, [1 << 19], [0]));
            Add("numel that overflows", "is too large", w => w.Tensor("0", 6, 0, [1L << 32, 1L << 32], [0, 0]));
            Add("bytes that overflow", "repeats a storage", w => w.Tensor("0", 6, 0, [1L << 62], [0]));
            Add("negative size", "are not whole numbers from 0, or too many", w => w.Tensor("0", 6, 0, [-1], [1]));
            Add("negative stride", "are not whole numbers from 0, or too many", w => w.Tensor("0", 6, 5, [2], [-1]));
            Add("negative offset", "are not whole numbers from 0, or too many", w => w.Tensor("0", 6, -1, [2], [1]));
            Add("stride past the end", "reaches element 6 of a storage of 6", w => w.Tensor("0", 6, 0, [2, 3], [4, 1]));
            Add("stride that overflows", "reaches element 9223372036854775807 of a storage of 6", w => w.Tensor("0", 6, 0, [3, 3], [long.MaxValue, long.MaxValue]));
            Add("offset past the end", "reaches element 6 of a storage of 6", w => w.Tensor("0", 6, 1, [6], [1]));
            Add("offset of an empty tensor", "reaches element 7 of a storage of 6", w => w.Tensor("0", 6, 7, [0], [1]));
            Add("rank", "are not whole numbers from 0, or too many", w => w.Tensor("0", 6, 0, [.. Enumerable.Repeat(1L, 65)], [.. Enumerable.Repeat(1L, 65)]));
            Add("rank of strides", "are not whole numbers from 0, or too many", w => w.Tensor("0", 6, 0, [2, 3], [1]));
            Add("huge storage", "the storage should be 288230376151711744 elements of I8", w => w.Tensor("0", 1L << 58, 0, [2], [1], "CharStorage"));
            Add("negative storage", "the storage would hold -6 elements", w => w.Tensor("0", -6, 0, [2], [1]));
            Add("larger storage", "the storage should be 7 elements of F32, which are 28 bytes, but the archive holds 24", w => w.Tensor("0", 7, 0, [2], [1]));
            Add("smaller storage", "the storage should be 5 elements of F32, which are 20 bytes, but the archive holds 24", w => w.Tensor("0", 5, 0, [2], [1]));
            Add("missing storage", "the checkpoint names this storage, but the archive does not hold it", w => w.Tensor("1", 6, 0, [2], [1]));
            Add("storage outside", "the checkpoint names this storage, but the archive does not hold it", w => w.Tensor("../../etc/passwd", 6, 0, [2], [1]));
            Add("unknown storage type", "the storage type 'torch.EvilStorage' is unknown", w => w.Tensor("0", 6, 0, [2], [1], "EvilStorage"));
            Add("no tensor arguments", "'torch._utils._rebuild_tensor_v2' does not have the arguments that torch.save writes", w => w.Global("torch._utils", "_rebuild_tensor_v2").Op(")R"));
            data.Add("two types of one storage", ("the storage is once 6 elements of F32, once 3 of F64",
                () => PickleWriter.Dict(("a", w => w.Tensor("0", 6, 0, [2], [1])), ("b", w => w.Tensor("0", 3, 0, [2], [1], "DoubleStorage")))));
            data.Add("a name twice", ("a dict gets the key 'a' twice", () => PickleWriter.Dict(("a", w => w.Tensor("0", 6, 0, [2], [1])), ("a", w => w.Tensor("0", 6, 0, [3], [1])))));
            return data;
        }
    }

    private static Dictionary<string, (string Reason, Func<byte[]> Pickle)> WrongPickles => new()
    {
        ["no stop"] = ("the pickle ends in the middle of a value", () => new PickleWriter().Op("}").Unfinished),
        ["something after it"] = ("5 bytes follow the pickle's end", () => [.. new PickleWriter().Op("}").Done, 1, 2, 3, 4, 5]),
        ["values left over"] = ("the pickle stops with values left over", () => new PickleWriter().Op("NN").Done),
        ["empty stack"] = ("a value is taken from an empty stack", () => new PickleWriter().Done),
        ["below the mark"] = ("a value is taken from an empty stack", () => new PickleWriter().Op("N(0").Done),
        ["no mark"] = ("a mark is missing", () => new PickleWriter().Op("Nt").Done),
        ["key without value"] = ("a dict gets a key without a value", () => new PickleWriter().Op("}(Nu").Done),
        ["entries on a list"] = ("entries are set on something that is no dict", () => new PickleWriter().Op("]NNs").Done),
        ["entries on a number"] = ("entries are set on something that is no dict", () => new PickleWriter().Op("K\u0001NNs").Done),
        ["items on a dict"] = ("items are appended to something that is no list", () => new PickleWriter().Op("}Na").Done),
        ["state on text"] = ("a state is set on something that has none", () => new PickleWriter().Text("a").Op("}b").Done),
        ["recall"] = ("value 7 is recalled, but was never remembered", () => new PickleWriter().Op("h\u0007").Done),
        ["negative memory"] = ("a value is remembered under a negative number", () => new PickleWriter().Op("Nr").Op(0xff, 0xff, 0xff, 0xff).Done),
        ["length past the end"] = ("a value of 4294967295 bytes is announced, but only 1 follow", () => new PickleWriter().Op("X").Op(0xff, 0xff, 0xff, 0xff).Done),
        ["length of 8 bytes"] = ("a value of 18446744073709551615 bytes is announced, but only 1 follow", () => new PickleWriter().Op(0x8e, 255, 255, 255, 255, 255, 255, 255, 255).Done),
        ["text that is no text"] = ("a text is not valid UTF-8", () => new PickleWriter().Op(0x8c, 1, 0xff).Done),
        ["endless name"] = ("a name has more than 1000 bytes", () => new PickleWriter().Op("c").Repeat("a", 1001).Done),
        ["extension code"] = ("operation 0x82 is not one that torch.save writes", () => new PickleWriter().Op(0x82, 1).Done),
        ["text number"] = ("operation 0x49 is not one that torch.save writes", () => new PickleWriter().Op("I1\n").Done),
        ["instance"] = ("operation 0x69 is not one that torch.save writes", () => new PickleWriter().Op("(ios\nsystem\n").Done),
        ["text persistent id"] = ("operation 0x50 is not one that torch.save writes", () => new PickleWriter().Op("Pkey\n").Done),
        ["second protocol"] = ("operation 0x80 is not one that torch.save writes", () => new PickleWriter().Op(0x80, 2).Op("N").Done),
        ["call of a number"] = ("something is called that is neither a class nor a function", () => new PickleWriter().Op("K\u0001)R").Done),
        ["call without a tuple"] = ("an object is built from something that is no tuple", () => new PickleWriter().Global("os", "system").Text("true").Op("R").Done),
        ["foreign persistent id"] = ("a storage is not named as torch.save does", () => new PickleWriter().Text("key").Op("Q").Done),
        ["long number"] = ("a whole number of 1025 bytes", () => new PickleWriter().Op(0x8b, 1, 4, 0, 0).Repeat("\u0001", 1025).Done),
        ["deep marks"] = ("values lie more than 200 deep in one another", () => new PickleWriter().Repeat("(", 300).Done),
        ["deep lists"] = ("values lie more than 200 deep in one another", () => new PickleWriter().Op("]").Repeat("]", 300).Repeat("a", 300).Done),
        ["deep tuples"] = ("values lie more than 200 deep in one another", () => new PickleWriter().Op(")").Repeat("\u0085", 5000).Done),
        ["deep by memory"] = ("values lie more than 200 deep in one another", () => Ladder(300)),
        ["many values"] = ("more than 1048576 values are stacked", () => new PickleWriter().Repeat("N", 1 << 21).Done),
        ["many operations"] = ("the pickle has more than 20000000 operations", () => new PickleWriter().Repeat("N0", 10_000_001).Done),
        ["many dicts"] = ("more memory than a file of this size justifies", () => new PickleWriter().Op("(").Repeat("}", 1_000_000).Op("l").Done),
        ["many copies"] = ("more memory than a file of this size justifies", () => Copies(100)),
        ["a call of a call"] = ("a call of a call of a call is no checkpoint", () => new PickleWriter().Global("os", "system").Repeat(")R", 500).Done),
    };

    [Theory]
    [MemberData(nameof(Tensors))]
    public void A_tensor_that_does_not_fit_its_storage_is_refused(string what)
    {
        var (reason, pickle) = WrongTensors[what];
        var error = Refused(PickleWriter.Zip(pickle(), ("0", 24)));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.True(error.Offset is not null || error.Entry is not null, what);
    }

    [Theory]
    [MemberData(nameof(Pickles))]
    public void A_wrong_pickle_is_refused(string what)
    {
        var (reason, pickle) = WrongPickles[what];
        var error = Refused(PickleWriter.Zip(pickle(), ("0", 24)));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.True(error.Offset is not null, what);
    }

    [Fact]
    public void The_same_bomb_is_small_when_its_parts_are_only_referred_to()
    {
        // Ten times ten times ten ...: 10^50 leaves in a kilobyte. Nothing ever walks them all.
        using var folder = new TempFolder();
        var path = folder.File("laughs.pth", PickleWriter.Zip(Laughs(50), ("0", 24)));
        using var file = PickleCheckpoint.Open(path);
        Assert.Empty(file.Tensors);
        Assert.Equal(10, file.Root.Count);
        Assert.Contains("0 tensors", Checkpoint.Describe(path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_holds_itself_is_no_trap()
    {
        using var folder = new TempFolder();
        var path = folder.File("self.pth", PickleWriter.Zip(new PickleWriter().Op("}q\0").Text("self").Op("h\0s").Text("a").Tensor("0", 6, 0, [6], [1]).Op("s").Done, ("0", 24)));
        using var file = PickleCheckpoint.Open(path);
        Assert.Equal(["a"], file.Tensors.Keys);
        Assert.Equal(file.Root, file.Root["self"]["self"]);
        Assert.Contains("self: dict of 2", Checkpoint.Describe(path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_thousand_tensors_on_one_storage_are_refused()
    {
        var many = PickleWriter.Dict([.. Enumerable.Range(0, 1000).Select(i => ($"t{i}", (Action<PickleWriter>)(writer => writer.Tensor("0", 50_000, 0, [50_000], [1]))))]);
        Assert.Contains("they repeat the same storage", Refused(PickleWriter.Zip(many, ("0", 200_000))).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_would_grow_without_end_are_refused()
    {
        // A long name on the way to many tensors: each would carry it.
        var writer = new PickleWriter().Op("}").Text(new string('n', 100_000)).Op("](");
        for (var i = 0; i < 1000; i++) writer.Tensor("0", 6, 0, [6], [1]);
        Assert.Contains("the names of the tensors take more memory", Refused(PickleWriter.Zip(writer.Op("es").Done, ("0", 24))).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_that_a_pickle_names_is_ever_run()
    {
        using var folder = new TempFolder();
        var mark = folder.File("ran");
        var pickle = PickleWriter.Dict(
            ("evil", w => w.Global("posix", "system").Op("(").Text($"touch {mark}").Op("tR")),
            ("worse", w => w.Global("builtins", "eval").Op("(").Text($"open('{mark}','w')").Op("tR")),
            ("a", w => w.Tensor("0", 6, 0, [6], [1])));
        using var file = PickleCheckpoint.Open(folder.File("evil.pth", PickleWriter.Zip(pickle, ("0", 24))));
        Assert.Equal("posix.system", file.Root["evil"].TypeName);
        Assert.Equal(["a"], file.Tensors.Keys);
        Assert.False(File.Exists(mark));
    }

    [Fact]
    public void A_legacy_stream_must_hold_what_it_names()
    {
        Assert.Null(Record.Exception(() => Opened(PickleWriter.Legacy(Good, ["0"], (6, 24)))));
        (byte[] File, string Reason)[] wrong =
        [
            (PickleWriter.Legacy(Good, []), "a tensor names this storage, but the stream does not hold it"),
            (PickleWriter.Legacy(Good, ["0", "0"], (6, 24), (6, 24)), "the stream lists this storage twice"),
            (PickleWriter.Legacy(Good, ["0", "1"], (6, 24), (6, 24)), "the stream lists a storage that no tensor names"),
            (PickleWriter.Legacy(Good, ["0"], (5, 20)), "the storage should hold 6 elements, but says 5"),
            (PickleWriter.Legacy(Good, ["0"], (6, 20)), "the file ends at "),
            (PickleWriter.Legacy(Good, ["0"]), "the file ends at "),
            (PickleWriter.Legacy(Good, ["0"], (6, 25)), "1 unknown bytes follow the last storage"),
        ];
        foreach (var (file, reason) in wrong) Assert.StartsWith(reason, Refused(file).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_legacy_view_of_a_storage_stays_inside_it()
    {
        static byte[] View(long start, long count, long size) => PickleWriter.Dict(("a", w => w.Global("torch._utils", "_rebuild_tensor").Op("((")
            .Text("storage").Global("torch.cuda", "FloatStorage").Text("0").Text("cuda:0").Number(6).Op("(").Text("view").Number(start).Number(count).Op("ttQ")
            .Number(1).Numbers(size).Numbers(1).Op("tR")));
        using var folder = new TempFolder();
        using (var file = Checkpoint.Open(folder.File("view.pth", PickleWriter.Legacy(View(2, 3, 2), ["0"], (6, 24)))))
        {
            using var tensor = file.Read("a");
            Assert.Equal(PickleWriter.Data(24)[12..20], tensor.bytes.ToArray());
        }

        Assert.Contains("reaches element 3 of a storage of 3", Refused(PickleWriter.Legacy(View(2, 3, 3), ["0"], (6, 24))).Reason, StringComparison.Ordinal);
        Assert.Contains("a view of the storage lies outside of it", Refused(PickleWriter.Legacy(View(4, 3, 1), ["0"], (6, 24))).Reason, StringComparison.Ordinal);
        Assert.Contains("a view of the storage lies outside of it", Refused(PickleWriter.Legacy(View(long.MaxValue, long.MaxValue, 1), ["0"], (6, 24))).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_untyped_storage_takes_the_type_of_its_tensor()
    {
        var pickle = PickleWriter.Dict(("a", Rebuild("int16", 5)), ("b", Rebuild("float8_e4m3fn", 10)));
        using var folder = new TempFolder();
        using var file = Checkpoint.Open(folder.File("v3.pth", PickleWriter.Zip(pickle, ("0", 24))));
        using var tensor = file.Read("a");
        Assert.Equal(PickleWriter.Data(24)[4..14], tensor.bytes.ToArray());
        Assert.Equal("b F8_E4M3 [10]", file.Tensors["b"].ToString());
        Assert.Throws<CheckpointException>(() => file.Read("b"));
        Assert.Contains("reaches element 12 of a storage of 12", Refused(PickleWriter.Zip(PickleWriter.Dict(("a", Rebuild("int16", 11))), ("0", 24))).Reason, StringComparison.Ordinal);

        static Action<PickleWriter> Rebuild(string type, long size) => w => w.Global("torch._utils", "_rebuild_tensor_v3").Op("((").Text("storage")
            .Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Number(24).Op("tQ").Number(2).Numbers(size).Numbers(1).Op(0x89).Global("collections", "OrderedDict").Op(")R").Global("torch", type).Op("tR");
    }

    private static byte[] Ladder(int steps)
    {
        // Each list holds the one before, and no two are ever open at once.
        var writer = new PickleWriter().Op("]q\00");
        for (var i = 0; i < steps; i++) writer.Op("]h\0aq\00");
        return writer.Op("h\0").Done;
    }

    private static byte[] Copies(int count)
    {
        // A text of one megabyte, turned into bytes again and again.
        var writer = new PickleWriter().Op("(").Text(new string('x', 1_000_000)).Op("q\00");
        for (var i = 0; i < count; i++) writer.Global("_codecs", "encode").Op("(h\0").Text("latin1").Op("tR");
        return writer.Op("t").Done;
    }

    private static byte[] Laughs(int levels)
    {
        var writer = new PickleWriter().Op("]q\00");
        for (var i = 0; i < levels; i++) writer.Op("](").Repeat("h\0", 10).Op("eq\00");
        return writer.Op("h\0").Done;
    }

    private static CheckpointException Refused(byte[] content)
    {
        using var folder = new TempFolder();
        return Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("x.pth", content)).Dispose());
    }

    private static void Opened(byte[] content)
    {
        using var folder = new TempFolder();
        Checkpoint.Open(folder.File("x.pth", content)).Dispose();
    }
}
