# ssmbench: state-space-model kernels, checked, timed, compared. `make help` prints the verbs.

BUILD    := build
SUITE    := speedup
BUDGET   := 200
SECONDS  := 600
FUZZ     := safetensors cases
SELFTEST := selscan/(chunked|lookback|simd)|conv1d/(vectorized|simd)
PACKAGES := build-essential git clang-format libcriterion-dev libinih-dev libjansson-dev librandom123-dev \
            libkissfft-dev libsndfile1-dev gnuplot-nox cmark-gfm python3-numpy

MARCH    := native
OPTIMISE := -O3 -march=$(MARCH)
SANITIZE :=
WARNINGS := -Wall -Wextra -Wshadow -Wno-missing-field-initializers $(if $(CI),-Werror)
CFLAGS   := -std=c11 -D_GNU_SOURCE $(OPTIMISE) -g -fPIC -fopenmp -Wpedantic \
            -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WARNINGS) -I$(BUILD) $(SANITIZE)
# simt: the .cu files by the host compiler. RACE=1 watches their threads with ThreadSanitizer. For sanitizers
# -O1 without variables for a debugger compiles in a third of the time and runs as fast; what schedules
# the threads stays at -O2, and finds its variables of a thread without a call, as a program can and a
# library cannot. No sanitizer for null: gcc 12 tests the flags of an addition that the linker turns into
# a lea. No warning of what may be uninitialized: gcc's manual says that sanitizers make false ones.
RACE     :=
CXXFLAGS := -std=c++17 $(if $(SANITIZE)$(RACE),-O1 -g1 -ftls-model=initial-exec,-O2 -g) -fPIC -fopenmp $(WARNINGS) -Wno-unknown-pragmas -Iharness/simt -DSSMBENCH_SIMT $(SANITIZE) $(if $(SANITIZE)$(RACE),-Wno-maybe-uninitialized) $(if $(SANITIZE),-fno-sanitize=null)
# A bundle carries its libraries beside the binary: RPATH, unlike RUNPATH, finds those of libraries too.
LDLIBS   := -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/lib' -linih -ljansson -lkissfft-float -lsndfile -lgomp -lm -ldl -lstdc++ -lpthread $(SANITIZE) $(if $(RACE),-fsanitize=thread)

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

# One object a file; the wildcards are the only lists of files there are.
c_files   := $(filter-out %_test.c,$(wildcard kernels/*/*.c reference/*.c reference/*/*.c harness/*.c))
cu_files  := $(wildcard kernels/*/*.cu)
cc_files  := $(filter-out %_test.cc,$(wildcard harness/simt/*.cc reference/*.cc))
tests     := $(wildcard kernels/*/*_test.c reference/*_test.c reference/*/*_test.c harness/*_test.c harness/fuzz/*_test.c harness/simt/*_test.cc)
# ssmbench-wrong: the same program with the wrong variants in the place of all others.
wrong_c   := $(wildcard harness/wrong/*/*.c)
wrong_cu  := $(wildcard harness/wrong/*/*.cu)
# Operations with a variant that chooses, and the rows that it goes by.
choosing  := $(patsubst kernels/%/auto.cu,%,$(wildcard kernels/*/auto.cu))
measured  := results/h100/conv.jsonl $(patsubst %,results/h200/%.jsonl,forward lengths speedup)
# What a fuzzer needs of the rest, and how it is built: by clang, which brings libFuzzer.
fuzz_c    := $(filter-out %_test.c harness/fuzz/fuzzer.c,$(wildcard harness/fuzz/*.c))
fuzzed    := $(fuzz_c) $(addprefix harness/,message.c safetensors.c cases.c keys.c operations.c) $(filter reference/%,$(c_files) $(cc_files))
fuzz_with := NVCC= CC=clang CXX=clang++ OPTIMISE=-O1 SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -Wno-pass-failed"
formatted := $(wildcard kernels/*.h reference/*.[ch] reference/*/*.[ch] reference/*.cc harness/*.[ch] harness/*.cu harness/fuzz/*.[ch] harness/wrong/*.h harness/wrong/*/* harness/simt/*.* kernels/*/*.c kernels/*/*.h kernels/*/*.cu*)

# With nvcc: the architectures of the GPUs found, or all that this nvcc knows of a usual set, of
# which CI, where nothing runs them, compiles one, and for `make test` as fast as this nvcc can (12.9 and
# newer have a switch for it).
NVCC := $(shell command -v nvcc)
ifneq ($(NVCC),)
gpus      := $(shell nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d . | sort -u)
known     := $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch))
ARCH      := $(or $(gpus),$(if $(CI),$(filter $(known),90)),$(filter $(known),80 86 89 90 100 120))
NVCCFLAGS := -std=c++17 -O3 -lineinfo -I$(BUILD) -DSSMBENCH_ARCH='"$(ARCH)"' -MMD -MP --threads 2 \
             -Xcompiler -fPIC,-fopenmp,-Wall,-Wextra,-Wno-missing-field-initializers $(if $(CI),-Werror all-warnings) \
             $(if $(CI),$(if $(gpus),,$(if $(filter test,$(MAKECMDGOALS)),$(if $(shell $(NVCC) --help | grep -e --Ofast-compile),-Ofc max,-Xptxas -O0)))) \
             $(foreach a,$(ARCH),-gencode arch=compute_$a,code=sm_$a) \
             -gencode arch=compute_$(lastword $(ARCH)),code=compute_$(lastword $(ARCH))
cuda_objects := $(cu_files:%=$(BUILD)/%.o) $(patsubst %,$(BUILD)/%.o,$(wildcard harness/*.cu))
wrong_cuda   := $(wrong_cu:%=$(BUILD)/%.o)
CFLAGS    += -DSSMBENCH_CUDA
LDLIBS    += -L$(dir $(NVCC))../lib64 -lcudart_static -lrt
endif

objects    := $(c_files:%=$(BUILD)/%.o) $(cu_files:%=$(BUILD)/%.simt.o) $(cc_files:%=$(BUILD)/%.o) $(cuda_objects)
wrong      := $(filter-out $(BUILD)/kernels/% $(BUILD)/harness/registry.c.o,$(objects)) $(BUILD)/wrong/registry.c.o \
              $(wrong_c:%=$(BUILD)/%.o) $(wrong_cu:%=$(BUILD)/%.simt.o) $(wrong_cuda)
# What harness/mutants.sh builds with.
export MUTANT_CC := $(CC)
export MUTANT_CFLAGS := $(CFLAGS)
export MUTANT_CXX := $(CXX)
export MUTANT_CXXFLAGS := $(CXXFLAGS)
export MUTANT_LDLIBS := $(LDLIBS)
export MUTANT_OBJECTS := $(objects)

generated := $(addprefix $(BUILD)/,operations.inc variants.inc sources.inc version.h)

.PHONY: all deps verify bench table plots report profile compare selftest-aa choices readme record test sanitize race fuzz mutants wrong lint format bundle clean help FORCE

all: $(BUILD)/ssmbench $(if $(SANITIZE)$(RACE),,$(BUILD)/libssmbench.so) ## build build/ssmbench and libssmbench.so: CPU variants, and CUDA ones where nvcc is
	$(if $(NVCC)$(SANITIZE)$(RACE),,@echo "ssmbench: no nvcc on the PATH: built for the CPU only")

deps: ## install the Debian packages that are missing, or say what to install elsewhere
	@harness/deps.sh $(PACKAGES)

verify: all ## check every variant: make verify SUITE="quick edge" SIMT=1
	$(BUILD)/ssmbench verify $(if $(filter command line,$(origin SUITE)),$(SUITE),quick) $(if $(SIMT),--backend simt)

bench: all ## check, time and print the table: make bench SUITE=speedup BUDGET=200
	$(BUILD)/ssmbench bench $(SUITE) --budget $(BUDGET) --out $(BUILD)/results/$(SUITE).jsonl
	@echo
	@$(BUILD)/ssmbench table $(if $(filter step%,$(SUITE)),step,speedup) $(BUILD)/results/$(SUITE).jsonl

table: all ## print the speedup table of RESULTS (default: all committed rows)
	@$(BUILD)/ssmbench table speedup $(or $(RESULTS),$(wildcard results/*/*.jsonl))

plots: all ## draw the rows in RESULTS (default: results) as build/plots/MACHINE/*.svg and .png
	@plots/plots.sh $(BUILD)/ssmbench $(or $(RESULTS),results) $(BUILD)/plots

profile: all ## profile one variant on one case: make profile VARIANT=selscan/chunked CASE=guide-8s TOOL=ncu
	$(BUILD)/ssmbench profile $(SUITE) --variant '$(value VARIANT)' --case '$(value CASE)' $(if $(LAUNCHES),--launches $(LAUNCHES)) $(if $(TOOL),--tool $(TOOL)) $(if $(OUT),--out $(OUT))

compare: all ## which of two variants is faster: make compare A=selscan/chunked B=selscan/blelloch SUITE=speedup
	$(BUILD)/ssmbench compare '$(value A)' '$(value B)' $(SUITE) $(if $(CASE),--case '$(value CASE)')

selftest-aa: all ## how far compare can be believed: make selftest-aa TRIALS=100 VARIANT=chunked RESULTS=results/MACHINE
	out=$(or $(RESULTS),results/$$($(BUILD)/ssmbench info --slug))/selftest-aa.jsonl; rm -f "$$out"; \
	$(BUILD)/ssmbench selftest-aa --variant '$(or $(value VARIANT),$(SELFTEST))' $(if $(CASE),--case '$(value CASE)') \
	$(if $(TRIALS),--trials $(TRIALS)) --out "$$out"

report: all ## all that the rows in RESULTS (default: results) say, as build/report/report.html and .md
	@plots/report.sh $(BUILD)/ssmbench $(or $(RESULTS),results) $(BUILD)/report

record: all ## bench SUITE into results/MACHINE/ anew, for a commit, and rewrite the tables
	rm -f results/$$($(BUILD)/ssmbench info --slug)/$(SUITE).jsonl results/$$($(BUILD)/ssmbench info --slug)/simt.jsonl results/$$($(BUILD)/ssmbench info --slug)/decay.jsonl
	$(BUILD)/ssmbench verify quick --case '^guide' --backend cpu,simt --out results/$$($(BUILD)/ssmbench info --slug)/simt.jsonl
	$(BUILD)/ssmbench verify decay --backend cpu,simt --out results/$$($(BUILD)/ssmbench info --slug)/decay.jsonl
	$(BUILD)/ssmbench bench $(SUITE) --budget $(BUDGET) --out results/$$($(BUILD)/ssmbench info --slug)/$(SUITE).jsonl
	$(MAKE) readme

choices: all ## rewrite kernels/OP/choices.inc, by which OP/auto chooses, from measured rows
	@for op in $(choosing); do \
	    $(BUILD)/ssmbench choices $$op $(measured) > $(BUILD)/choices && cp $(BUILD)/choices kernels/$$op/choices.inc || exit; \
	done

readme: all ## rewrite the generated parts of README.md and docs/ from results/
	harness/generated.sh $(BUILD)/ssmbench README.md $(wildcard docs/*.md)

test: all $(BUILD)/tests lint ## everything that needs no GPU; ends with Criterion's summary
	harness/generated.sh --check $(BUILD)/ssmbench README.md $(wildcard docs/*.md)
	@$(BUILD)/ssmbench table stale $(wildcard results/*/*.jsonl)
	@for op in $(choosing); do $(BUILD)/ssmbench choices $$op --check kernels/$$op/choices.inc $(measured) || exit; done
	@plots/plots_test.sh $(BUILD)/ssmbench
	@plots/report_test.sh $(BUILD)/ssmbench
	@harness/peers/test.sh $(BUILD)
	harness/quietly.sh $(BUILD)/ssmbench verify quick edge --backend cpu
	harness/quietly.sh $(BUILD)/ssmbench verify segments --backend simt --variant /tiled@
	$(MAKE) $(word $(call turn_number,3),race sanitize sanitize) PART=$(call turn,4) WATCH=$(word $(call turn_number,3),thread address undefined)
	$(MAKE) mutants EVERY=384
	SSMBENCH=$(BUILD)/ssmbench $(BUILD)/tests

# Where checks are slow, `test` does a quarter of the cases, by one of three sanitizers, and others at
# the next commits: twelve have all. And not what only calls another variant.
turn_number = $(shell expr $$(git rev-list --count HEAD 2>/dev/null || echo 0) % $(1) + 1)
turn = $(call turn_number,$(1))/$(1)
PART := 1/1
part_number := $(firstword $(subst /, ,$(PART)))
part_count  := $(lastword $(subst /, ,$(PART)))
not_auto := /([^a]|a[^u])

WATCH := address,undefined
sanitize: ## verify on cpu and simt under AddressSanitizer and UBSan (PART=1/3: a third of the cases; WATCH=address)
	$(MAKE) BUILD=$(BUILD)/sanitize NVCC= OPTIMISE=-O1 SANITIZE="-fsanitize=$(WATCH) -fno-sanitize-recover=all" all
	harness/quietly.sh $(BUILD)/sanitize/ssmbench verify quick --backend cpu,simt --variant '$(not_auto)' --shard $(PART)

race: ## watch the threads of the .cu kernels with ThreadSanitizer, on simt (PART=1/4: a quarter of the cases)
	$(MAKE) BUILD=$(BUILD)/race NVCC= RACE=1 all
	$(MAKE) $(parts:%=race-part-%)

# It has one thread: a part of the cases, or of those of PART, for each processor.
parts := $(shell seq $$(nproc))
race-part-%:
	OMP_NUM_THREADS=1 TSAN_OPTIONS="halt_on_error=1 exitcode=66" harness/quietly.sh $(BUILD)/race/ssmbench verify race --backend simt --timeout 300 --variant '$(not_auto)' --shard $(shell expr \( $(part_number) - 1 \) \* $(words $(parts)) + $*)/$(shell expr $(words $(parts)) \* $(part_count))

fuzz: ## read files that clang's libFuzzer invents: make fuzz SECONDS=600 FUZZ="safetensors cases"
	@harness/fuzz/fuzz.sh --can $(FUZZ)
	$(MAKE) BUILD=$(BUILD)/fuzz $(fuzz_with) $(FUZZ:%=$(BUILD)/fuzz/fuzz-%)
	harness/fuzz/fuzz.sh $(BUILD)/fuzz $(SECONDS) $(FUZZ)

mutants: all ## break every statement of the kernels' loops in turn (EVERY=24: one of 24): verify has to notice
	EVERY=$(EVERY) harness/mutants.sh $(BUILD) $(or $(FILES),$(wildcard kernels/*/*.c kernels/*/*.cu))

wrong: $(BUILD)/ssmbench-wrong ## the wrong variants of harness/wrong have to be found: make wrong BACKENDS="cpu simt cuda"
	@harness/wrong.sh list > $(BUILD)/wrong/list
	harness/wrong.sh check $< harness/wrong/wrong.ini $(BUILD)/wrong/list $(or $(BACKENDS),cpu simt)

lint: ## check the formatting (clang-format 14)
	@harness/format.sh --check $(formatted)

format: ## format all sources (clang-format 14)
	@harness/format.sh $(formatted)

$(BUILD)/%-cuda: harness/simt/%.cu | $(generated)
	@echo "nvcc $<"; $(NVCC) $(NVCCFLAGS) -MF $@.d -MT $@ $< -o $@

bundle: ## gather a binary for another machine of this kind, with what it needs, in build/bundle
	$(MAKE) BUILD=$(BUILD)/portable MARCH=$(if $(filter x86_64,$(shell uname -m)),x86-64-v3,armv8-a) all $(BUILD)/portable/ssmbench-wrong $(if $(NVCC),$(patsubst harness/simt/%.cu,$(BUILD)/portable/%-cuda,$(wildcard harness/simt/*.cu)))
	harness/bundle.sh $(BUILD)/portable/ssmbench $(BUILD)/bundle

clean: ## remove build/
	rm -rf $(BUILD)

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 12

$(BUILD)/ssmbench: $(objects)
	@echo "link $@"; $(CC) -o $@ $^ $(LDLIBS)

$(BUILD)/ssmbench-wrong: $(wrong)
	@echo "link $@"; $(CC) -o $@ $^ $(LDLIBS)

$(BUILD)/wrong/registry.c.o: harness/registry.c | $(generated) $(BUILD)/wrong/variants.inc $(BUILD)/wrong/sources.inc
	@echo "cc   $<, wrong"; $(CC) -I$(BUILD)/wrong $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libssmbench.so: $(filter-out $(BUILD)/harness/main.c.o,$(objects)) harness/library.map
	@echo "link $@"; $(CC) -shared -Wl,-soname,libssmbench.so.1,--version-script=harness/library.map -o $@ $(filter %.o,$^) $(LDLIBS)

$(BUILD)/tests: $(filter-out $(BUILD)/harness/main.c.o,$(objects)) $(fuzz_c:%=$(BUILD)/%.o) $(tests:%=$(BUILD)/%.o) | $(BUILD)/ssmbench-wrong
	@echo "link $@"; $(CC) -o $@ $^ -lcriterion $(LDLIBS)

$(BUILD)/fuzz-%: harness/fuzz/fuzzer.c $(fuzzed:%=$(BUILD)/%.o)
	@echo "link $@"; $(CC) $(CFLAGS) -DTARGET=$* -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$(BUILD)/%.c.o: %.c | $(generated)
	@mkdir -p $(@D)
	@echo "cc   $<"; $(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.cc.o: %.cc | $(generated)
	@mkdir -p $(@D)
	@echo "c++  $<"; $(CXX) $(CXXFLAGS) -O2 $(if $(findstring clang,$(CXX)),,-fno-tree-loop-distribute-patterns) $(if $(RACE),-DSIMT_TSAN) -MMD -MP -c $< -o $@

$(BUILD)/%.cu.simt.o: %.cu | $(generated)
	@mkdir -p $(@D)
	@echo "simt $<"; $(CXX) $(CXXFLAGS) $(if $(RACE),-fsanitize=thread) -MMD -MP -x c++ -c $< -o $@

$(BUILD)/%.cu.o: %.cu | $(generated)
	@mkdir -p $(@D)
	@echo "nvcc $<"; $(NVCC) $(NVCCFLAGS) -c $< -o $@

# Generated files change only when what they say does. The hashes of sources take seconds: they are made
# again after a change of what they are of, a folder's list of files too.
hashed     := harness/inventory.sh $(wildcard kernels kernels/* kernels/*/* reference/*.h harness/wrong/* harness/wrong/*/* \
              harness/peers/implementations harness/peers/implementations/*)
whats_made := $(generated) $(BUILD)/wrong/variants.inc $(BUILD)/wrong/sources.inc
.SECONDARY: $(whats_made) $(whats_made:=.new)
$(whats_made): %: %.new
	@cmp -s $< $@ || cp $< $@

inventory = @mkdir -p $(@D); harness/inventory.sh $(basename $(@F:.new=)) $(if $(filter $(BUILD)/wrong/%,$@),harness/wrong,kernels) $(if $(NVCC),cuda) > $@.part && mv $@.part $@
$(BUILD)/sources.inc.new $(BUILD)/wrong/sources.inc.new: $(hashed)
	$(inventory)

$(BUILD)/%.inc.new: FORCE
	$(inventory)

$(BUILD)/version.h.new: FORCE
	@mkdir -p $(@D)
	@harness/version.sh "$$($(CC) --version | head -n 1)" "$(OPTIMISE)" "$(or $(ARCH),none)" > $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
