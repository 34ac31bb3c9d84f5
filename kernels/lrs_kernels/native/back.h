/* The way back of all members, and the products of dz that are wanted. */

/* Whether each thread takes whole members. Then the products of a chunk of steps come right after
 * these, while their dz is in the cache, and it need not exist anywhere else. */
static int by_members(const Scan *s) {
    return s->members % s->threads == 0 || s->members >= 8 * s->threads;
}

/* Memory for a member: weights, dz of a chunk, what is carried, and sums; then for anything else. */
typedef struct {
    REAL *packed, *packed_ih, *matrix, *dz, *operand, *carried, *sums, *rest;
} Room;

/* How many numbers lie before each of them, and in all. */
typedef struct {
    int64_t packed_ih, matrix, dz, operand, carried, sums, rest, all;
} Places;

static Places places_for(const Scan *s) {
    int64_t H = s->hidden, W = s->gates * H, chunk = s->dz ? 0 : whole(CHUNK * W);
    int64_t of_ih = s->dx ? panels_of(s->inputs) * COLUMNS : 0;
    Places places = {.packed_ih = panels_of(H) * COLUMNS * W};
    places.matrix = places.packed_ih + of_ih * W;
    places.dz = places.matrix + whole(W * H);
    places.operand = JOINS_LATE ? places.dz + chunk : places.dz;
    places.carried = places.operand + chunk;
    places.sums = places.carried + carried_size(s, block_rows(s));
    places.rest = places.sums + sums_size(s, panels_wanted(s).all);
    places.all = places.rest + largest(of_ih * CHUNK, factor_scratch(s));
    return places;
}

static Room room_in(REAL *memory, Places at) {
    return (Room){memory, memory + at.packed_ih, memory + at.matrix, memory + at.dz,
                  memory + at.operand, memory + at.carried, memory + at.sums, memory + at.rest};
}

/* Some rows of a member back through all steps, with their products. */
static void walk_back(const Scan *s, int64_t p, int64_t first, int64_t rows, Room room) {
    int64_t W = s->gates * s->hidden, B = s->batch, at_once = chunk_steps(s);
    int64_t panels = panels_wanted(s).all;
    Carried by = start_back(s, p, first, rows, room.carried);
    for (int64_t end = s->steps, start; end > 0; end = start) {
        start = end > at_once ? end - at_once : 0;
        int64_t at = ((p * s->steps + start) * B + first) * W;
        Dz dz = {room.dz, room.operand, rows * W};
        if (s->dz) dz = (Dz){s->dz + at, (JOINS_LATE ? s->dz_recurrent : s->dz) + at, B * W};
        back_steps(s, &by, start, end, dz, room.packed);
        Chunk chunk = {p, first, rows, start, end - start, dz.dz, dz.operand};
        if (panels) add_chunk(s, chunk, 0, panels, room.sums);
        if (s->dx) input_gradient(s, at / W, (end - start) * rows, dz.dz, room.packed_ih, room.rest);
    }
    end_back(s, by);
}

static void member_back(const Scan *s, int64_t p, Room room) {
    int64_t H = s->hidden, G = s->gates, W = G * H, panels = panels_wanted(s).all;
    const REAL *weight = s->weight ? s->weight + p * W * H : room.matrix;
    if (!s->weight || s->mask) {
        weight = room.matrix;
        for (int64_t g = 0; g < G; g++) form(s, p * G + g, room.matrix + g * H * H, room.rest);
    }
    pack_matrix(weight, H, 1, W, H, room.packed);
    if (s->dx) pack_matrix(s->w_ih + p * W * s->inputs, s->inputs, 1, W, s->inputs, room.packed_ih);
    if (panels) start_sums(s, p, 0, panels, room.sums);
    for (int64_t first = 0, rows = block_rows(s); first < s->batch; first += rows)
        walk_back(s, p, first, s->batch - first < rows ? s->batch - first : rows, room);
    REAL *dw = s->dw ? s->dw + p * W * H : room.matrix;
    if (panels) end_sums(s, p, 0, panels, room.sums, dw);
    if (wants_states(s))
        for (int64_t g = 0; g < G; g++) finish(s, p * G + g, dw + g * H * H, room.rest);
}

static int back_by_members(const Scan *s) {
    Places places = places_for(s);
    int failed = 0;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = numbers(places.all);
        failed = scratch == 0;
#pragma omp for schedule(dynamic)
        for (int64_t p = 0; p < s->members; p++)
            if (!failed) member_back(s, p, room_in(scratch, places));
        free(scratch);
    }
    return failed;
}

/* Some panels of dL/dW and dL/dW_ih of a member, after all steps. */
static void gradient_panels(const Scan *s, int64_t p, int64_t first, int64_t count, REAL *sums,
                            REAL *dw) {
    int64_t W = s->gates * s->hidden, T = s->steps, B = s->batch, at_once = chunk_steps(s);
    start_sums(s, p, first, count, sums);
    for (int64_t row = 0, rows = block_rows(s); row < B; row += rows)
        for (int64_t end = T, start; end > 0; end = start) {
            start = end > at_once ? end - at_once : 0;
            int64_t at = ((p * T + start) * B + row) * W, left = B - row;
            Chunk chunk = {p, row, left < rows ? left : rows, start, end - start, s->dz + at,
                           (JOINS_LATE ? s->dz_recurrent : s->dz) + at};
            add_chunk(s, chunk, first, count, sums);
        }
    end_sums(s, p, first, count, sums, dw);
}

/* Threads share members: first all rows of all members back through all steps, then the products. */
static int back_together(const Scan *s, REAL *memory) {
    int64_t H = s->hidden, G = s->gates, W = G * H, I = s->inputs, P = s->members, B = s->batch;
    int64_t all = s->steps * B, panels = panels_wanted(s).all, tiles = (B + s->tile - 1) / s->tile;
    int64_t parts = s->threads, each = (panels + parts - 1) / parts;
    int64_t pieces = s->dx ? (all + CHUNK - 1) / CHUNK : 0;
    int64_t of_ih = s->dx ? panels_of(I) * COLUMNS : 0;
    int64_t size = largest(sums_size(s, each), carried_size(s, s->tile));
    size = largest(size, largest(of_ih * CHUNK, factor_scratch(s)));
    int64_t of_matrix = panels_of(H) * COLUMNS * W;
    REAL *packed = memory, *packed_ih = packed + P * of_matrix, *matrix = packed_ih + P * of_ih * W;
    const REAL *weight = s->weight && !s->mask ? s->weight : matrix;
    REAL *dw = s->dw ? s->dw : matrix;
    int failed = 0;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = numbers(size);
        failed = scratch == 0;
        if (weight == matrix) {
#pragma omp for schedule(static)
            for (int64_t gate = 0; gate < P * G; gate++)
                if (!failed) form(s, gate, matrix + gate * H * H, scratch);
        }
        pack_all(P, weight, W, H, 0, packed);
        if (s->dx) pack_all(P, s->w_ih, W, I, 0, packed_ih);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < P * tiles; i++) {
            int64_t p = i / tiles, first = i % tiles * s->tile, left = B - first;
            int64_t at = (p * all + first) * W;
            if (failed) continue;
            Carried by = start_back(s, p, first, left < s->tile ? left : s->tile, scratch);
            back_steps(s, &by, 0, s->steps,
                       (Dz){s->dz + at, (JOINS_LATE ? s->dz_recurrent : s->dz) + at, B * W},
                       packed + p * of_matrix);
            end_back(s, by);
        }
#pragma omp for schedule(dynamic) nowait
        for (int64_t i = 0; i < P * pieces; i++) {
            int64_t p = i / pieces, first = i % pieces * CHUNK, left = all - first;
            if (!failed)
                input_gradient(s, p * all + first, left < CHUNK ? left : CHUNK,
                               s->dz + (p * all + first) * W, packed_ih + p * of_ih * W, scratch);
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < P * parts; i++) {
            int64_t p = i / parts, first = i % parts * each, left = panels - first;
            if (!failed && left > 0)
                gradient_panels(s, p, first, left < each ? left : each, scratch, dw + p * W * H);
        }
        if (wants_states(s)) {
#pragma omp for schedule(static)
            for (int64_t gate = 0; gate < P * G; gate++)
                if (!failed) finish(s, gate, dw + gate * H * H, scratch);
        }
        free(scratch);
    }
    return failed;
}

/* Where the caller has no use for dz, it lies here until its products are there. */
static int back(const Scan *given) {
    Scan s = *given;
    if (by_members(&s)) return back_by_members(&s);
    int64_t W = s.gates * s.hidden, of_ih = s.dx ? panels_of(s.inputs) * COLUMNS : 0;
    int64_t of_dz = s.dz ? 0 : whole(s.members * s.steps * s.batch * W);
    int64_t of_member = panels_of(s.hidden) * COLUMNS * W + of_ih * W + W * s.hidden;
    REAL *memory = numbers(of_dz * (JOINS_LATE ? 2 : 1) + s.members * of_member);
    if (!memory) return 1;
    REAL *rest = memory + of_dz * (JOINS_LATE ? 2 : 1);
    if (!s.dz) s.dz = memory, s.dz_recurrent = JOINS_LATE ? memory + of_dz : 0;
    int failed = back_together(&s, rest);
    free(memory);
    return failed;
}
